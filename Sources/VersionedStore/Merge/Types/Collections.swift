public import GitFormat

/// A set of byte strings, one on each line in order. What either side added is in, what either side removed is out.
/// Never a conflict; associative.
public struct MergeableSet: Mergeable, Hashable {
  public var elements: Set<[UInt8]>

  public init(_ elements: Set<[UInt8]> = []) { self.elements = elements }

  public init(decoding bytes: [UInt8]) throws(FormatError) {
    elements = []
    for line in LineText.lines(bytes) { elements.insert(try LineText.decode(line)) }
  }

  public var encoded: [UInt8] {
    var text: [UInt8] = []
    for element in elements.sorted(by: [UInt8].precedes) {
      LineText.append(element, to: &text)
      text.append(UInt8(ascii: "\n"))
    }
    return text
  }

  public static let merge = MergeFunction<Set<[UInt8]>>.set().like(
    { (set: MergeableSet) in set.elements }, { MergeableSet($0) })
}

/// How many there are of each byte string: `3 apples` on a line, after the marks of the changes. The changes of both sides
/// are added; what both sides took away counts no further than to none, and above that the merge is associative. A count
/// beyond 64 bits is a conflict.
public struct MergeableMultiset: Mergeable, Hashable {
  /// Counts above 0 only.
  public private(set) var counts: [[UInt8]: Int64] = [:]
  private var marks = ChangeMarks()

  public init() {}

  public func count(of element: [UInt8]) -> Int64 { counts[element] ?? 0 }

  /// Puts in so many of an element, or takes out as many of them as there are. `change` is a random number, by which this
  /// change is known from others.
  ///
  /// - Throws: `.tooLarge` where the count is beyond 64 bits; nothing has changed.
  public mutating func add(_ count: Int64, of element: [UInt8], change: UInt64) throws(StoreError) {
    let (sum, overflow) = (counts[element] ?? 0).addingReportingOverflow(count)
    guard !overflow else { throw .tooLarge("there can be \(Int64.max) of an element") }
    counts[element] = sum > 0 ? sum : nil
    marks.add(change)
  }

  public init(decoding bytes: [UInt8]) throws(FormatError) {
    var lines = LineText.lines(bytes)[...]
    if let first = lines.first, first.first == UInt8(ascii: "#") {
      marks = try ChangeMarks(decoding: first)
      lines.removeFirst()
    }
    for line in lines {
      let (count, element) = try LineText.halves(line, at: " ", of: "multiset")
      let key = try LineText.decode(element)
      let number: Int64 = try LineText.number(count, of: "multiset")
      guard number > 0, counts.updateValue(number, forKey: key) == nil else {
        throw FormatError("multiset", "an element stands in two lines, or a count is not above 0")
      }
    }
  }

  public var encoded: [UInt8] {
    var text = marks.line
    for (element, count) in counts.sorted(by: { [UInt8].precedes($0.key, $1.key) }) {
      text += Array("\(count) ".utf8)
      LineText.append(element, to: &text)
      text.append(UInt8(ascii: "\n"))
    }
    return text
  }

  public static let merge = MergeFunction<MergeableMultiset> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let parts = MergeFunction.pair(MergeFunction<[[UInt8]: Int64]>.multiset(), ChangeMarks.merge)
    var merged = MergeableMultiset()
    (merged.counts, merged.marks) = try parts(
      base: base.map { ($0.counts, $0.marks) }, ours: (ours.counts, ours.marks), theirs: (theirs.counts, theirs.marks))
    return merged
  }
}

/// Values of one mergeable type by key: a line each, key, tab, value. A value that one side changed stays where the other
/// side removed it, so that only the values' own merge can find a conflict.
public struct MergeableMap<Value: Mergeable>: Mergeable {
  public var values: [EntryName: Value]

  public init(_ values: [EntryName: Value] = [:]) { self.values = values }

  public init(decoding bytes: [UInt8]) throws(FormatError) {
    values = [:]
    for line in LineText.lines(bytes) {
      let (key, value) = try LineText.halves(line, at: "\t", of: "map")
      let decoded = try Value(decoding: try LineText.decode(value))
      guard values.updateValue(decoded, forKey: EntryName(try LineText.decode(key))) == nil else {
        throw FormatError("map", "a key stands in two lines")
      }
    }
  }

  public var encoded: [UInt8] {
    var text: [UInt8] = []
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      LineText.append(key.bytes, to: &text)
      text.append(UInt8(ascii: "\t"))
      LineText.append(value.encoded, to: &text)
      text.append(UInt8(ascii: "\n"))
    }
    return text
  }

  public static var merge: MergeFunction<Self> {
    MergeFunction<[EntryName: Value]>.map(Value.merge, removal: .yieldsToChange).like(
      { (map: Self) in map.values }, { Self($0) })
  }
}
