# What every target of ours is compiled with; no folder has flags of its own.
add_library(torchkeep_flags INTERFACE)
target_include_directories(torchkeep_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(torchkeep_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -fstack-protector-strong)
target_link_options(torchkeep_flags INTERFACE -Wl,-z,relro,-z,now)
target_compile_definitions(torchkeep_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  $<$<BOOL:${TORCHKEEP_SIMULATION}>:TORCHKEEP_SIMULATION=1>)
target_link_libraries(torchkeep_flags INTERFACE Threads::Threads)

if(TORCHKEEP_WERROR)
  target_compile_options(torchkeep_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(torchkeep_flags INTERFACE _FORTIFY_SOURCE=2)
endif()

# TORCHKEEP_SANITIZE: "address,undefined" or "thread".
if(TORCHKEEP_SANITIZE)
  target_compile_options(torchkeep_flags INTERFACE -fsanitize=${TORCHKEEP_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(torchkeep_flags INTERFACE -fsanitize=${TORCHKEEP_SANITIZE})
  # A test's own code is watched less than what it tests and is not optimised: that takes a third off its compile time.
  target_compile_options(torchkeep_flags INTERFACE $<$<BOOL:$<TARGET_PROPERTY:TORCHKEEP_TEST>>:-O0>)
  if(TORCHKEEP_SANITIZE MATCHES "undefined")
    target_compile_options(torchkeep_flags INTERFACE
      $<$<BOOL:$<TARGET_PROPERTY:TORCHKEEP_TEST>>:-fno-sanitize=undefined>)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised members and mismatched allocations in coroutine frames that have none.
  target_compile_options(torchkeep_flags INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # clang's -Wconversion takes this in, g++'s does not; g++ decides what is a warning of ours.
  target_compile_options(torchkeep_flags INTERFACE -Wno-sign-conversion)
  if(TORCHKEEP_SANITIZE)
    # clang 14 cannot assemble a coroutine whose parts carry this check's data ("difference across sections").
    target_compile_options(torchkeep_flags INTERFACE -fno-sanitize=function)
  endif()
endif()
