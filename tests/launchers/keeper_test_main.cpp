// The keeper as a program of its own, for tests that do not build the whole of `autotune`.
#include "launchers/keeper.hpp"

int main(int argc, char** argv) { return autotune::keeper_main(argc, argv); }
