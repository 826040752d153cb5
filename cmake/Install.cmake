# What `make install` lays under PREFIX: the binary, the Python package that it gives to trials, headers, licences.
include(GNUInstallDirs)
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
