public import GitFormat

/// A log of any length, whose entries are files of their own: adding one writes three small directories, and the newest are
/// read without the others.
///
/// An entry's file is named by its time and its contents, `2026-11/22/164934.123Z-00000000-000000000000001f-9f3c5a71`. So
/// equal logs are equal trees however they came about, `ls` shows them in order, and the merge of two logs is the merge of
/// their trees, which stock Git does too: entries of both sides are kept, and nothing can conflict.
///
/// Each link from a directory to what is in it is the hash of that: the log is linked by contents, and what it holds is
/// reachable for Git.
public struct LinkedLog: Hashable, Sendable {
  /// The log's directory; nil: it is empty.
  public private(set) var tree: ObjectID?

  public init(_ tree: ObjectID? = nil) { self.tree = tree }

  /// Adds an entry that is later than all that there are. `wall` in milliseconds since 1970.
  @discardableResult
  public mutating func append(
    _ value: [UInt8], clock: inout HybridClock, wall: Int64, in buffer: ObjectBuffer
  ) throws(StoreError) -> TimedEntry {
    var newest = cursor(in: buffer)
    let time = try clock.stamp(wall: wall, after: try newest.nextTime())
    let id = try buffer.write(.blob, value)
    var log = Tree(Directory(stored: tree), in: buffer)
    try log.setObject(Path.logEntry(time, id), .file, id)
    tree = try log.write(into: buffer)
    return TimedEntry(value, at: time)
  }

  /// Reads from the newest entry on.
  public func cursor(in objects: any ObjectReader) -> Cursor { Cursor(tree, objects) }

  /// Both logs' entries, without those that a side removed.
  public static func merge(
    base: LinkedLog?, ours: LinkedLog, theirs: LinkedLog, in buffer: ObjectBuffer
  ) throws(StoreError) -> LinkedLog {
    // Files of one name are the same, unless somebody made them by hand.
    let policy = MergePolicy(otherwise: .lastWriteWins([UInt8].precedes, at: { _ in 0 }))
    return LinkedLog(
      try TreeMerge.merge(base: base?.tree, ours: ours.tree, theirs: theirs.tree, policy: policy, in: buffer).tree)
  }
}

extension LinkedLog {
  /// A place in a log, moving from newer to older entries. It stays where it is when the log grows.
  public struct Cursor: Sendable {
    private let objects: any ObjectReader
    /// For months, days and entries: what is left to read, oldest first.
    private var levels: [[TreeEntry]] = []
    private var root: ObjectID?

    init(_ root: ObjectID?, _ objects: any ObjectReader) {
      self.root = root
      self.objects = objects
    }

    /// The next entries, newest first; fewer than `count` where the log ends. Files that are no entries are passed over.
    public mutating func next(_ count: Int) throws(StoreError) -> [TimedEntry] {
      var entries: [TimedEntry] = []
      while entries.count < count, let (time, id) = try step() {
        entries.append(TimedEntry(try objects.bytes(id, .blob), at: time))
      }
      return entries
    }

    /// The time of the next entry, which is passed; nil at the end.
    mutating func nextTime() throws(StoreError) -> HybridTime? { try step()?.time }

    private mutating func step() throws(StoreError) -> (time: HybridTime, id: ObjectID)? {
      if let root {
        self.root = nil
        levels = [try Directories.entries(of: root, in: objects)]
      }
      while !levels.isEmpty {
        let last = levels.count - 1
        guard let entry = levels[last].popLast() else {
          levels.removeLast()
          // What was being read above is done with.
          if last > 0 { levels[last - 1].removeLast() }
          continue
        }
        if last < 2 {
          guard entry.mode.isTree else { continue }
          // The directory stays in its list while it is read: its name is part of the time.
          levels[last].append(entry)
          levels.append(try Directories.entries(of: entry.id, in: objects))
          continue
        }
        let names = [levels[0].last?.name, levels[1].last?.name, entry.name].compactMap { $0 }
        if entry.mode.kind == .blob, let time = HybridTime(logNames: names) { return (time, entry.id) }
      }
      return nil
    }
  }
}

extension Path {
  /// Where a log has an entry.
  fileprivate static func logEntry(_ time: HybridTime, _ id: ObjectID) -> Path {
    let date = CivilTime(milliseconds: time.wall)
    let day = date.day.split(separator: "-")
    let clock = date.clock.filter { $0 != ":" }
    let counter = CivilTime.padded(time.counter, 8, radix: 16), node = CivilTime.padded(time.node, 16, radix: 16)
    return Path("\(day[0])-\(day[1])/\(day[2])/\(clock)Z-\(counter)-\(node)-\(id.hex.prefix(8))")
  }
}

extension HybridTime {
  /// Reads the names of month, day and entry; nil where they are not as a log names them.
  fileprivate init?(logNames names: [EntryName]) {
    guard names.count == 3 else { return nil }
    let (month, day, entry) = (names[0].text, names[1].text, Array(names[2].bytes))
    let parts = entry.split(separator: UInt8(ascii: "-")).map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 4, parts[0].utf8.count == 11, let counter = UInt32(parts[1], radix: 16),
      let node = UInt64(parts[2], radix: 16)
    else { return nil }
    let clock = Array(parts[0].utf8)
    func text(_ range: Range<Int>) -> String { String(decoding: clock[range], as: UTF8.self) }
    let written =
      "\(month)-\(day)T\(text(0..<2)):\(text(2..<4)):\(text(4..<11))#\(counter)@\(String(node, radix: 16))"
    guard let time = try? HybridTime(decoding: Array(written.utf8)) else { return nil }
    self = time
  }
}
