# What `make install` lays under PREFIX: the binary, the Python package that it gives to trials, headers, libraries, a
# CMake package, licences.
set(CMAKE_INSTALL_DOCDIR ${CMAKE_INSTALL_DATADIR}/doc/autotune)

if(TARGET autotune)
  install(TARGETS autotune RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# The process launcher looks for <prefix>/share/autotune/python beside <prefix>/bin/autotune.
install(DIRECTORY sdk/python/t9k DESTINATION ${CMAKE_INSTALL_DATADIR}/autotune/python
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/autotune
        PATTERN "__pycache__" EXCLUDE)
foreach(layer IN LISTS AUTOTUNE_LAYERS)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${layer})
    install(DIRECTORY ${layer} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/autotune
            FILES_MATCHING PATTERN "*.hpp" PATTERN "*.proto")
  endif()
endforeach()
install(DIRECTORY ${CMAKE_BINARY_DIR}/generated/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/autotune
        FILES_MATCHING PATTERN "*.h")
foreach(document LICENSE NOTICE README.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${document})
    install(FILES ${document} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endforeach()

# find_package(AutoTune): AutoTune::actors is what a program links that spawns a server in a CAF system of its own
# (examples/embedding); it brings the layers below it, each of which may be linked alone: AutoTune::tuner, ...
if(TARGET autotune_actors)
  include(CMakePackageConfigHelpers)
  set(libraries autotune_proto)
  foreach(layer IN ITEMS messages tuner launchers config store actors)
    list(APPEND libraries autotune_${layer})
    set_target_properties(autotune_${layer} PROPERTIES EXPORT_NAME ${layer})
  endforeach()
  set_target_properties(autotune_proto PROPERTIES EXPORT_NAME proto)
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/AutoTune)
  install(TARGETS ${libraries} EXPORT AutoTuneTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT AutoTuneTargets NAMESPACE AutoTune:: DESTINATION ${package})
  configure_package_config_file(cmake/AutoTuneConfig.cmake.in ${CMAKE_BINARY_DIR}/AutoTuneConfig.cmake
                                INSTALL_DESTINATION ${package}
                                PATH_VARS CMAKE_INSTALL_BINDIR)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/AutoTuneConfigVersion.cmake
                                   COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/AutoTuneConfig.cmake
                ${CMAKE_BINARY_DIR}/AutoTuneConfigVersion.cmake DESTINATION ${package})
endif()
