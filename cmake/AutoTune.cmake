# What every folder's CMakeLists.txt uses: one target a layer, one test program a layer.

# autotune_layer(name SOURCES ... LINK ...): a static library autotune_<name>, included as "name/...".
function(autotune_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(autotune_${name} STATIC ${ARG_SOURCES})
  target_include_directories(autotune_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(autotune_${name} PUBLIC ${ARG_LINK} PRIVATE autotune_warnings)
endfunction()

# autotune_test(name SOURCES ... LINK ... [DATA VAR=VALUE ...]): a Catch2 program, each TEST_CASE a ctest test.
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
