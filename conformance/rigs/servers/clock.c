/* A wall clock that jumps, and a machine that was suspended: loaded with LD_PRELOAD, it reads two numbers of seconds
 * from the file that CLOCK_AHEAD names. The wall clock is ahead by both; CLOCK_BOOTTIME, which counts while the machine
 * is suspended, by the second one, which may be missing; no other clock is. The file is read every time, so that the
 * clocks jump when it is written. Without a file they are right. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct jump {
  time_t ahead, suspended;
};

static struct jump jump(void) {
  char text[64] = "", *second;
  struct jump read_now;
  const char *path = getenv("CLOCK_AHEAD");
  const int before = errno;
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
  }
  errno = before;
  read_now.ahead = strtoll(text, &second, 10);
  read_now.suspended = atoll(second);
  return read_now;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  const int result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    const struct jump both = jump();
    now->tv_sec += both.ahead + both.suspended;
  } else if (result == 0 && clock == CLOCK_BOOTTIME) {
    now->tv_sec += jump().suspended;
  }
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now) *now = precise.tv_sec;
  return precise.tv_sec;
}
