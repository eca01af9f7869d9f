import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct LinkedLogTests {
  @Test func theNewestEntriesAreReadFirst() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    var editor = Editor(seed: 1)
    var log = LinkedLog()
    var written: [TimedEntry] = []
    for index in 0..<60 {
      editor.wall += Int64(index % 7) * 20_000_000
      written.append(try log.append(Array("entry \(index)".utf8), clock: &editor.clock, wall: editor.wall, in: buffer))
    }
    var cursor = log.cursor(in: buffer)
    #expect(try cursor.next(5) == Array(written.reversed().prefix(5)))
    // It stays at its place when the log grows.
    try log.append([1], clock: &editor.clock, wall: editor.wall, in: buffer)
    #expect(try cursor.next(.max) == Array(written.reversed().dropFirst(5)))
    #expect(try cursor.next(1).isEmpty)
    var empty = LinkedLog().cursor(in: buffer)
    #expect(try empty.next(1).isEmpty)
  }

  @Test func entriesAreFilesThatSortByTime() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    var clock = HybridClock(node: 0x1f)
    var log = LinkedLog()
    try log.append([UInt8](text: "hello"), clock: &clock, wall: 1_795_366_174_123, in: buffer)
    #expect(
      try Tree(log.tree!, in: buffer).sketch()
        == ["2026-11/22/164934.123Z-00000000-000000000000001f-b6fc4c62": "hello"])
  }

  @Test func mergedLogsHoldTheEntriesOfBothAndConverge() throws {
    for seed in Soak.seeds(1...20, soak: 1_000) {
      let buffer = ObjectBuffer(over: MemoryBackend())
      var editors = (1...3).map { Editor(seed: seed, node: $0) }
      var base = LinkedLog()
      for _ in 0..<3 {
        try base.append(editors[0].word(), clock: &editors[0].clock, wall: editors[0].tick(), in: buffer)
      }
      var written: Set<TimedEntry> = Set(try read(base, buffer))
      var logs = [base, base, base]
      for _ in 0..<12 {
        let index = editors[0].below(3)
        written.insert(
          try logs[index].append(
            editors[index].word(), clock: &editors[index].clock, wall: editors[index].tick(), in: buffer))
      }
      func merge(_ a: LinkedLog, _ b: LinkedLog) throws -> LinkedLog {
        try LinkedLog.merge(base: base, ours: a, theirs: b, in: buffer)
      }
      let left = try merge(merge(logs[0], logs[1]), logs[2]), right = try merge(logs[2], merge(logs[1], logs[0]))
      #expect(left == right)
      #expect(try read(left, buffer) == written.sorted(by: >))
      #expect(try Tree(left.tree!, in: buffer).conflicts().isEmpty)
    }
  }

  private func read(_ log: LinkedLog, _ objects: ObjectBuffer) throws -> [TimedEntry] {
    var cursor = log.cursor(in: objects)
    return try cursor.next(.max)
  }

  @Test func filesThatAreNoEntriesArePassedOver() throws {
    let buffer = ObjectBuffer(over: MemoryBackend())
    var clock = HybridClock(node: 1)
    var log = LinkedLog()
    let entry = try log.append([1], clock: &clock, wall: 1_795_366_174_123, in: buffer)
    var tree = Tree(log.tree!, in: buffer)
    for path in [
      "README", "2026-11/notes", "2026-11/22/164934", "9999-99/99/x", "2026-11/22/999999.999Z-0-0-0", "z/y/x/w",
    ] {
      try tree.set(Path(path), [2])
    }
    #expect(try read(LinkedLog(try tree.write(into: buffer)), buffer) == [entry])
  }
}
