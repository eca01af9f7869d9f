public import GitFormat

/// A value of which the last one written counts. Stored as its time on a line, and the value as it is after that.
public struct MergeableRegister: Mergeable, Hashable {
  public private(set) var time: HybridTime
  public private(set) var value: [UInt8]

  public init(_ value: [UInt8], at time: HybridTime) {
    self.time = time
    self.value = value
  }

  /// Writes a value over this one, with a time later than what it had. `wall` in milliseconds since 1970.
  public mutating func write(
    _ value: [UInt8], clock: inout HybridClock, wall: Int64
  ) throws(StoreError) {
    time = try clock.stamp(wall: wall, after: time)
    self.value = value
  }

  public init(decoding bytes: [UInt8]) throws(FormatError) {
    let (time, value) = try LineText.halves(bytes[...], at: "\n", of: "register")
    self.time = try HybridTime(decoding: time)
    self.value = Array(value)
  }

  public var encoded: [UInt8] { Array("\(time)\n".utf8) + value }

  /// The later one; of two at one time, the one with the greater bytes. Associative, needs no ancestor.
  public static let merge = MergeFunction<MergeableRegister>.lastWriteWins(
    { [UInt8].precedes($0.value, $1.value) }, at: { $0.time })
}
