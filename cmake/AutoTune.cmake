# What every folder's CMakeLists.txt uses: one target a layer, one test program a layer.

# autotune_layer(name SOURCES ... LINK ...): a static library autotune_<name>, included as "name/...".
function(autotune_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(autotune_${name} STATIC ${ARG_SOURCES})
  target_include_directories(autotune_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/autotune>)
  target_link_libraries(autotune_${name} PUBLIC ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:autotune_warnings>)
endfunction()

# autotune_test(name SOURCES ... LINK ... [TIMEOUT SECONDS] [ENVIRONMENT VAR=VALUE ...]): a Catch2 program, each TEST_CASE a ctest test.
function(autotune_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;ENVIRONMENT" ${ARGN})
  if(NOT AUTOTUNE_BUILD_TESTS)
    return()
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE autotune_test_main ${ARG_LINK} autotune_warnings)
  target_compile_definitions(${name}_test PRIVATE AUTOTUNE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                                  AUTOTUNE_BINARY="${CMAKE_BINARY_DIR}/bin/autotune")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  catch_discover_tests(${name}_test TEST_PREFIX "${name}: "
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()

# autotune_fuzzer(name SOURCES ... LINK ... [CORPUS dir] [MAX_LENGTH bytes]): a libFuzzer target <name>_fuzzer for
# the layers below the actors; tests/fuzz/run.sh starts from the files in CORPUS (default corpus/<name>).
function(autotune_fuzzer name)
  cmake_parse_arguments(ARG "" "CORPUS;MAX_LENGTH" "SOURCES;LINK" ${ARGN})
  if(NOT AUTOTUNE_BUILD_FUZZERS)
    return()
  endif()
  if(NOT ARG_CORPUS)
    set(ARG_CORPUS corpus/${name})
  endif()
  if(NOT ARG_MAX_LENGTH)
    set(ARG_MAX_LENGTH 4096)
  endif()
  cmake_path(ABSOLUTE_PATH ARG_CORPUS BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT IS_DIRECTORY ${ARG_CORPUS})
    message(FATAL_ERROR "the corpus of fuzzer ${name} is missing: ${ARG_CORPUS}")
  endif()
  add_executable(${name}_fuzzer ${ARG_SOURCES})
  target_link_libraries(${name}_fuzzer PRIVATE ${ARG_LINK} autotune_warnings)
  target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name}_fuzzer)
  # What run.sh runs: one line a fuzzer.
  set_property(GLOBAL APPEND_STRING PROPERTY AUTOTUNE_FUZZERS "${name}\t${ARG_MAX_LENGTH}\t${ARG_CORPUS}\n")
  get_property(fuzzers GLOBAL PROPERTY AUTOTUNE_FUZZERS)
  file(WRITE ${CMAKE_BINARY_DIR}/fuzzers.txt "${fuzzers}")
endfunction()
