#include "launchers/clone_into_cgroup.hpp"

#include <linux/sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace autotune {

namespace {

/// The child runs on its own stack and never returns into ours, so all that it needs is in registers.
__attribute__((noinline, no_sanitize("address", "thread", "undefined"))) long clone3_and_call(
    clone_args* arguments, int (*child)(void*), void* argument) {
#if defined(__x86_64__)
  register long result __asm__("rax") = SYS_clone3;
  register clone_args* first __asm__("rdi") = arguments;
  register std::size_t second __asm__("rsi") = sizeof *arguments;
  register void* of_child __asm__("r12") = argument;
  register auto* function __asm__("r13") = reinterpret_cast<void*>(child);
  __asm__ volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %%r12, %%rdi\n\t"
      "callq *%%r13\n\t"
      "movl %%eax, %%edi\n\t"
      "movl %[exit], %%eax\n\t"
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "+r"(result)
      : "r"(first), "r"(second), "r"(of_child), "r"(function), [exit] "i"(SYS_exit)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_clone3;
  register auto* first __asm__("x0") = arguments;
  register std::size_t second __asm__("x1") = sizeof *arguments;
  register void* of_child __asm__("x19") = argument;
  register auto* function __asm__("x20") = reinterpret_cast<void*>(child);
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x0, x19\n\t"
      "blr x20\n\t"
      "mov x8, %[exit]\n\t"
      "svc #0\n\t"
      "brk #0\n"
      "1:"
      : "+r"(first)
      : "r"(number), "r"(second), "r"(of_child), "r"(function), [exit] "i"(SYS_exit)
      : "memory", "cc");
  return reinterpret_cast<long>(first);
#else
  (void)arguments, (void)child, (void)argument;
  return -ENOSYS;
#endif
}

std::uint64_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

pid_t clone_into_cgroup(int (*child)(void*), char* stack, std::size_t stack_bytes, int flags,
                        void* argument, int& pidfd, pid_t* child_tid, int cgroup) {
  clone_args arguments{};
  arguments.flags = (static_cast<std::uint64_t>(flags) & ~0xFFULL) | CLONE_INTO_CGROUP;
  arguments.exit_signal = static_cast<std::uint64_t>(flags) & 0xFFULL;
  arguments.pidfd = address(&pidfd);
  arguments.child_tid = address(child_tid);
  arguments.stack = address(stack);
  arguments.stack_size = stack_bytes;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  auto result = clone3_and_call(&arguments, child, argument);
  if (result >= 0)
    return static_cast<pid_t>(result);
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace autotune
