public import GitFormat

/// Something with the time at which it was written.
public struct TimedEntry: Hashable, Sendable {
  public var time: HybridTime
  public var value: [UInt8]

  public init(_ value: [UInt8], at time: HybridTime) {
    self.time = time
    self.value = value
  }
}

extension TimedEntry: Comparable {
  public static func < (left: Self, right: Self) -> Bool {
    left.time == right.time ? [UInt8].precedes(left.value, right.value) : left.time < right.time
  }
}

/// Entries in order of time, each once: what logs and queues are made of.
///
/// One line each, `2026-11-22T16:49:34.123Z#0@1f the text`, oldest first. Lines in another order, as people may leave them,
/// are put in order as they are read.
struct TimedEntries: Hashable, Sendable {
  private(set) var entries: [TimedEntry] = []

  init() {}
  init(_ entries: Set<TimedEntry>) { self.entries = entries.sorted() }

  /// Adds an entry later than all that there are.
  mutating func append(_ value: [UInt8], clock: inout HybridClock, wall: Int64) throws(StoreError) -> TimedEntry {
    let entry = TimedEntry(value, at: try clock.stamp(wall: wall, after: entries.last?.time))
    entries.append(entry)
    return entry
  }

  mutating func removeFirst() -> TimedEntry? { entries.isEmpty ? nil : entries.removeFirst() }
  mutating func removeFirst(_ count: Int) { entries.removeFirst(min(max(0, count), entries.count)) }

  init(decoding bytes: [UInt8], of what: String) throws(FormatError) {
    var entries: [TimedEntry] = []
    for line in LineText.lines(bytes) {
      let (time, text) = try LineText.halves(line, at: " ", of: what)
      entries.append(TimedEntry(try LineText.decode(text), at: try HybridTime(decoding: time)))
    }
    let isOrdered = zip(entries, entries.dropFirst()).allSatisfy { $0 < $1 }
    self.entries = isOrdered ? entries : Set(entries).sorted()
  }

  var encoded: [UInt8] {
    var text: [UInt8] = []
    for entry in entries {
      text += Array("\(entry.time) ".utf8)
      LineText.append(entry.value, to: &text)
      text.append(UInt8(ascii: "\n"))
    }
    return text
  }

  static let merge = MergeFunction<Set<TimedEntry>>.set().like(
    { (entries: TimedEntries) in Set(entries.entries) }, { TimedEntries($0) })
}

/// A log in one blob: small ones that are read as a whole. Entries of both sides are kept, in order of time; entries that
/// a side dropped from the old end are gone. Never a conflict; associative.
public struct TimedLog: Mergeable, Hashable {
  private var timed = TimedEntries()

  public init() {}

  /// Oldest first.
  public var entries: [TimedEntry] { timed.entries }

  /// Adds an entry that is later than all that there are. `wall` in milliseconds since 1970.
  @discardableResult
  public mutating func append(
    _ text: [UInt8], clock: inout HybridClock, wall: Int64
  ) throws(StoreError) -> TimedEntry {
    try timed.append(text, clock: &clock, wall: wall)
  }

  /// Keeps the newest entries only.
  public mutating func keepNewest(_ count: Int) { timed.removeFirst(timed.entries.count - max(0, count)) }

  public init(decoding bytes: [UInt8]) throws(FormatError) { timed = try TimedEntries(decoding: bytes, of: "log") }
  public var encoded: [UInt8] { timed.encoded }
  public static let merge = TimedEntries.merge.like({ (log: TimedLog) in log.timed }, { TimedLog(timed: $0) })

  private init(timed: TimedEntries) { self.timed = timed }
}

/// A queue: what either side took from its front is gone, what either side put in waits in order of time. What both sides
/// took was taken twice; a queue cannot undo that. Never a conflict; associative.
public struct MergeableQueue: Mergeable, Hashable {
  private var timed = TimedEntries()

  public init() {}

  /// Who waits longest comes first.
  public var entries: [TimedEntry] { timed.entries }

  /// Puts a value at the end. `wall` in milliseconds since 1970.
  @discardableResult
  public mutating func push(
    _ value: [UInt8], clock: inout HybridClock, wall: Int64
  ) throws(StoreError) -> TimedEntry {
    try timed.append(value, clock: &clock, wall: wall)
  }

  /// Takes the value at the front; nil where nothing waits.
  public mutating func pop() -> TimedEntry? { timed.removeFirst() }

  public init(decoding bytes: [UInt8]) throws(FormatError) { timed = try TimedEntries(decoding: bytes, of: "queue") }
  public var encoded: [UInt8] { timed.encoded }
  public static let merge = TimedEntries.merge.like(
    { (queue: MergeableQueue) in queue.timed }, { MergeableQueue(timed: $0) })

  private init(timed: TimedEntries) { self.timed = timed }
}
