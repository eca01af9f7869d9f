public import GitFormat

/// Tells two states apart that look alike but came about by different changes: the sum of one random number for each
/// change, modulo 2⁶⁴. Two people who each add 1 to a 5 write the same number, but not the same marks; so equal contents
/// are the same changes, and a merge may take them as they are.
struct ChangeMarks: Hashable, Sendable {
  private(set) var sum: UInt64 = 0

  init() {}

  mutating func add(_ change: UInt64) { sum &+= change }

  /// `#9f3c000000000000`; nothing where no change was marked.
  var line: [UInt8] { sum == 0 ? [] : Array("#\(CivilTime.padded(sum, 16, radix: 16))\n".utf8) }

  init(decoding line: ArraySlice<UInt8>) throws(FormatError) {
    guard line.count == 17, let sum = UInt64(String(decoding: line.dropFirst(), as: UTF8.self), radix: 16) else {
      throw FormatError("marks of changes", "they are not a # and 16 hexadecimal digits")
    }
    self.sum = sum
  }

  static let merge = MergeFunction<ChangeMarks> { (base, ours, theirs) throws(MergeFailure) in
    var merged = ours
    merged.sum &+= theirs.sum &- (try base.value()?.sum ?? 0)
    return merged
  }
}

/// A number that several places count up and down. Stored as `42` on a line, and the marks of its changes on another.
/// Associative; a sum beyond 64 bits is a conflict.
public struct MergeableCounter: Mergeable, Hashable {
  public private(set) var value: Int64
  private var marks = ChangeMarks()

  public init(_ value: Int64 = 0) { self.value = value }

  /// Counts up, or down by a negative number. `change` is a random number, by which this change is known from others.
  ///
  /// - Throws: `.tooLarge` where the sum is beyond 64 bits; the counter is as it was.
  public mutating func add(_ difference: Int64, change: UInt64) throws(StoreError) {
    let (sum, overflow) = value.addingReportingOverflow(difference)
    guard !overflow else { throw .tooLarge("a counter counts from \(Int64.min) to \(Int64.max)") }
    value = sum
    marks.add(change)
  }

  /// Reads a number, with or without marks.
  public init(decoding bytes: [UInt8]) throws(FormatError) {
    let lines = LineText.lines(bytes)
    guard let first = lines.first, lines.count <= 2 else {
      throw FormatError("counter", "it is not a number on a line and marks on another")
    }
    value = try LineText.number(first, of: "counter")
    if lines.count == 2 { marks = try ChangeMarks(decoding: lines[1]) }
  }

  public var encoded: [UInt8] { Array("\(value)\n".utf8) + marks.line }

  public static let merge = MergeFunction<MergeableCounter> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let parts = MergeFunction.pair(MergeFunction<Int64>.counter, ChangeMarks.merge)
    let (value, marks) = try parts(
      base: base.map { ($0.value, $0.marks) }, ours: (ours.value, ours.marks), theirs: (theirs.value, theirs.marks))
    var merged = MergeableCounter(value)
    merged.marks = marks
    return merged
  }
}
