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

# Under a sanitizer a process takes longer to start than most tests to run: a program's tests run in a few processes, a
# shard each. Flipping every bit of signed documents asks whether signatures cover them, not what a sanitizer sees: the
# fuzz corpora are for that.
function(torchkeep_sharded_tests name)
  list(LENGTH ARGN files)
  math(EXPR last "${files} / 8")
  math(EXPR shards "${last} + 1")
  foreach(shard RANGE ${last})
    add_test(NAME ${name}.shard_${shard} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name}.shard_${shard} PROPERTIES LABELS ${name} TIMEOUT 900 ENVIRONMENT
      "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard};GTEST_FILTER=-*Every*Bit*")
  endforeach()
endfunction()

# A graph runs on one thread unless its test says otherwise: of the files in `list` those stay that speak of threads.
function(torchkeep_keep_threaded list)
  set(kept)
  foreach(file ${${list}})
    file(STRINGS ${file} lines REGEX "[Tt]hreads?|Pool" LIMIT_COUNT 1)
    if(lines)
      list(APPEND kept ${file})
    endif()
  endforeach()
  set(${list} ${kept} PARENT_SCOPE)
endfunction()

# tests/NAME/*_test.cpp become one test program, *_bench.cpp one benchmark, *_fuzz.cpp a fuzz target each.
function(torchkeep_tests name)
  set(folder ${CMAKE_SOURCE_DIR}/tests/${name})
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(TORCHKEEP_SANITIZE STREQUAL "thread" AND name STREQUAL "runtime")
    torchkeep_keep_threaded(tests)
  endif()
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
      if(TORCHKEEP_SANITIZE)
        torchkeep_sharded_tests(${name} ${tests})
      else()
        gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS ${name})
      endif()
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
      add_executable(${fuzz} ${fuzzer})
      target_link_libraries(${fuzz} PRIVATE torchkeep::${name} torchkeep::simulator torchkeep_test_support
                            torchkeep_corpus_main)
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

# The extension module of the Python package, importable from BUILD/python, where the package's own files are linked to.
# Not under sanitizers: a plain python3 cannot load it.
function(torchkeep_module name)
  cmake_parse_arguments(ARG "" "" "NEEDS" ${ARGN})
  if(NOT TORCHKEEP_PYTHON OR TORCHKEEP_SANITIZE)
    return()
  endif()
  set(folder ${CMAKE_SOURCE_DIR}/python)
  set(package ${CMAKE_BINARY_DIR}/python/torchkeep)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/core/*.cpp)
  pybind11_add_module(torchkeep_core MODULE NO_EXTRAS ${sources})
  target_link_libraries(torchkeep_core PRIVATE torchkeep_flags)
  foreach(need ${ARG_NEEDS})
    target_link_libraries(torchkeep_core PRIVATE torchkeep::${need})
  endforeach()
  target_link_options(torchkeep_core PRIVATE -Wl,--version-script=${folder}/module.lds)
  set_target_properties(torchkeep_core PROPERTIES OUTPUT_NAME _core LIBRARY_OUTPUT_DIRECTORY ${package}
                        LINK_DEPENDS ${folder}/module.lds)
  file(MAKE_DIRECTORY ${package})
  file(GLOB files CONFIGURE_DEPENDS ${folder}/torchkeep/*.py ${folder}/torchkeep/*.pyi ${folder}/torchkeep/py.typed)
  foreach(file ${files})
    get_filename_component(file_name ${file} NAME)
    file(CREATE_LINK ${file} ${package}/${file_name} SYMBOLIC)
  endforeach()
endfunction()
