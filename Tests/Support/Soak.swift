import Glibc

/// How much a test does: as much as `make test` has time for, or, in `make soak`, what a release is measured by.
///
/// `LARES_SOAK=1` asks for the larger counts, `LARES_SEED` for another place to start from, with either.
public enum Soak {
  /// Whether the larger counts are wanted.
  public static let isOn = number("LARES_SOAK").map { $0 > 0 } ?? false

  /// How often to do something.
  public static func count(_ usual: Int, soak: Int) -> Int { isOn ? soak : usual }

  /// What a generator starts from: LARES_SEED, or the seed that the test has by itself.
  public static func seed(_ usual: UInt64) -> UInt64 { number("LARES_SEED") ?? usual }

  /// Seeds for the cases of a parameterised test: the usual ones, or as many as `soak` says, from LARES_SEED on.
  public static func seeds(_ usual: ClosedRange<UInt64>, soak: Int) -> [UInt64] {
    let first = seed(usual.lowerBound)
    let number = count(usual.count, soak: soak)
    return (0..<UInt64(number)).map { first &+ $0 }
  }

  private static func number(_ name: String) -> UInt64? {
    guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
    guard let value = UInt64(text) else {
      // A soak without the seed that was asked for proves nothing.
      preconditionFailure("\(name) has to be a whole number, and is \(text)")
    }
    return value
  }
}
