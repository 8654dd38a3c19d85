# The helpers behind torchkeep/CMakeLists.txt, which is the map of the house.
#   NEEDS   rooms whose headers this folder includes (checked by tools/check_rooms.py)
#   USES    libraries that stay in the folder's sources
#   SPEAKS  libraries that its headers show to its users
include(GoogleTest)
if(TORCHKEEP_TESTS)
  find_package(GTest REQUIRED)
endif()
if(TORCHKEEP_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
if(TORCHKEEP_FUZZ)
  # All fuzz targets with the rooms below them, and no program.
  add_custom_target(fuzzers)
endif()

function(torchkeep_folder target name)
  cmake_parse_arguments(ARG "" "" "NEEDS;USES;SPEAKS;SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    add_library(torchkeep_${name}_empty INTERFACE)
    add_library(torchkeep::${name} ALIAS torchkeep_${name}_empty)
    return()
  endif()
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(torchkeep::${name} ALIAS ${target})
  target_link_libraries(${target} PUBLIC torchkeep_flags ${ARG_SPEAKS} PRIVATE ${ARG_USES})
  foreach(need ${ARG_NEEDS})
    target_link_libraries(${target} PUBLIC torchkeep::${need})
  endforeach()
  torchkeep_tests(${name})
endfunction()

# tests/NAME/*_test.cpp become one test program, *_bench.cpp one benchmark, *_fuzz.cpp a fuzz target each.
function(torchkeep_tests name)
  set(folder ${CMAKE_SOURCE_DIR}/tests/${name})
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  file(GLOB_RECURSE benches CONFIGURE_DEPENDS ${folder}/*_bench.cpp)
  file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS ${folder}/*_fuzz.cpp)
  if(TORCHKEEP_TESTS AND (tests OR fuzzers))
    # A fuzz target's corpus is an ordinary test too: tests/support/corpus_main runs it.
    if(tests)
      add_executable(${name}_test ${tests})
      target_link_libraries(${name}_test PRIVATE torchkeep::${name} torchkeep::simulator torchkeep_test_support GTest::gmock
                            GTest::gtest_main)
      set_target_properties(${name}_test PROPERTIES TORCHKEEP_TEST ON)
      target_compile_definitions(${name}_test PRIVATE
        TORCHKEEP_VECTORS="${CMAKE_SOURCE_DIR}/tests" TORCHKEEP_PROGRAMS="${CMAKE_BINARY_DIR}/bin")
      gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS ${name})
    endif()
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(fuzz ${fuzzer} NAME_WE)
    if(TORCHKEEP_FUZZ)
      add_executable(${fuzz} ${fuzzer})
      target_link_libraries(${fuzz} PRIVATE torchkeep::${name} torchkeep::simulator torchkeep_test_support)
      target_link_options(${fuzz} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzz})
    elseif(TORCHKEEP_TESTS)
      add_executable(${fuzz} ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/support/corpus_main.cpp)
      target_link_libraries(${fuzz} PRIVATE torchkeep::${name} torchkeep::simulator torchkeep_test_support)
      add_test(NAME ${name}.${fuzz}_corpus COMMAND ${fuzz} ${folder}/corpus/${fuzz})
      set_tests_properties(${name}.${fuzz}_corpus PROPERTIES LABELS ${name} TIMEOUT 300)
    endif()
  endforeach()
  if(TORCHKEEP_BENCHMARKS AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE torchkeep::${name} torchkeep::simulator torchkeep_test_support
                          benchmark::benchmark_main)
  endif()
endfunction()

function(torchkeep_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  torchkeep_folder(torchkeep_${name} ${name} SOURCES ${sources} ${ARGN})
endfunction()

# A program is a library of all but main.cpp, which tests link, and the executable.
# An enclave program also gets its signed description, so that the simulated platform can measure it.
# A SIMULATION program is not there in a real build.
function(torchkeep_program name)
  cmake_parse_arguments(ARG "ENCLAVE;SIMULATION" "PRODUCT" "NEEDS;USES;SPEAKS" ${ARGN})
  if(ARG_SIMULATION AND NOT TORCHKEEP_SIMULATION)
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  torchkeep_folder(torchkeep_${name}_parts ${name} SOURCES ${sources}
                   NEEDS ${ARG_NEEDS} USES ${ARG_USES} SPEAKS ${ARG_SPEAKS})
  if(name STREQUAL "cli")
    set(program torchkeep)
  else()
    set(program torchkeep-${name})
  endif()
  add_executable(${program} ${CMAKE_CURRENT_SOURCE_DIR}/${name}/main.cpp)
  target_link_libraries(${program} PRIVATE torchkeep::${name})
  set_target_properties(${program} PROPERTIES OUTPUT_NAME ${program})
  install(TARGETS ${program} RUNTIME)
  if(ARG_ENCLAVE AND TORCHKEEP_SIMULATION)
    # The signing key is made in the build folder by its first user; none is ever committed.
    add_dependencies(${program} torchkeep-simtee)
    add_custom_command(TARGET ${program} POST_BUILD
      COMMAND torchkeep-simtee sign $<TARGET_FILE:${program}> --key ${CMAKE_BINARY_DIR}/enclave-signing-key.pem
              --isv-prod-id ${ARG_PRODUCT} --isv-svn 1
      VERBATIM)
  endif()
endfunction()
