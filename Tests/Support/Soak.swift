import Glibc

/// How long tests with random parts run, and where they start.
public enum Soak {
  /// What counts are multiplied with: 1, or where LARES_SOAK is set (`make soak`) its value, at least 25.
  public static let factor = variable("LARES_SOAK").map { max($0, 25) } ?? 1

  /// LARES_SEED, or the test's own seed.
  public static func seed(_ own: UInt64) -> UInt64 { variable("LARES_SEED").map(UInt64.init) ?? own }

  private static func variable(_ name: String) -> Int? {
    getenv(name).flatMap { Int(String(cString: $0)) }.flatMap { $0 >= 0 ? $0 : nil }
  }
}
