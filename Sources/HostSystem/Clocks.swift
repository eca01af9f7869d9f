import Glibc
public import Household
public import Wire

/// The machine's clocks. Only the edge reads them; pure code takes the result as an argument.
public enum Clock {
  /// Monotonic time that goes on during suspend (CLOCK_BOOTTIME).
  public static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  /// Wall-clock time (CLOCK_REALTIME). May jump, and may be far off before the first NTP answer.
  public static var wall: UnixTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UnixTime(time.tv_sec)
  }

  /// Wall-clock time in milliseconds since 1970-01-01 00:00 UTC.
  public static var wallMilliseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// The kernel's random identifier of this boot, `/proc/sys/kernel/random/boot_id`; empty where there is none.
  public static var bootIdentifier: String {
    guard let bytes = try? File.read("/proc/sys/kernel/random/boot_id") else { return "" }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
