// A library to be loaded before others (LD_PRELOAD): shows a process another wall clock.
//
// The file that CLOCK_SKEW_FILE names holds one 64-bit integer in the byte order of the machine: milliseconds that are added to the
// wall clock. It may change while the process runs; the clock then jumps, as when an operator or a time service sets it.
//
// Only clock_gettime(CLOCK_REALTIME) is changed: it is what Rust's SystemTime and C++'s system_clock read. Clocks that only go
// forward stay as they are, and so does gettimeofday, whose readers in RocksDB wait on the kernel's own clock.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

using ClockGettime = int (*)(clockid_t, timespec *);

ClockGettime real_clock() {
    static const auto real = reinterpret_cast<ClockGettime>(dlsym(RTLD_NEXT, "clock_gettime"));
    return real;
}

[[noreturn]] void fail(const char *what) {
    std::perror(what);
    // A process with the right clock would pass a test that is about the wrong one.
    std::abort();
}

const volatile std::int64_t *map_skew() {
    const char *path = std::getenv("CLOCK_SKEW_FILE");
    if (path == nullptr) fail("clock_skew: CLOCK_SKEW_FILE is not set");
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("clock_skew: open");
    void *at = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) fail("clock_skew: mmap");
    close(file);
    return static_cast<const volatile std::int64_t *>(at);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec *time) noexcept {
    const int result = real_clock()(clock, time);
    if (result != 0 || clock != CLOCK_REALTIME) return result;
    static const volatile std::int64_t *const skew_ms = map_skew();
    const std::int64_t skew = *skew_ms;
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    std::int64_t ns = time->tv_nsec + skew % 1000 * 1'000'000;
    std::int64_t s = time->tv_sec + skew / 1000;
    if (ns < 0) {
        ns += ns_per_s;
        s -= 1;
    } else if (ns >= ns_per_s) {
        ns -= ns_per_s;
        s += 1;
    }
    time->tv_sec = s;
    time->tv_nsec = static_cast<long>(ns);
    return 0;
}
