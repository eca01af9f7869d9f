import TestSupport
import Testing
import Wire

@testable import Firewall

@Suite struct ElementTableTests {
  @Test func recordsAreSortedAndThereOnce() {
    for length in [1, 2, 4, 6, 8, 12, 18] {
      var random = SeededGenerator(UInt64(length))
      let records = (0..<600).map { _ in (0..<length).map { _ in UInt8.random(in: 0...7, using: &random) } }
      let table = ElementTable(keyLength: length, records: records)
      let expected = Set(records).sorted { $0.lexicographicallyPrecedes($1) }
      #expect((0..<table.count).map { Array(table.record($0)) } == expected)
      for record in records.prefix(50) { #expect(table.contains(record)) }
      #expect(!table.contains([UInt8](repeating: 9, count: length)))
      #expect(!table.contains([]))
    }
  }

  @Test(arguments: 0..<20) func changesLeadFromTheOldToTheNew(_ seed: UInt64) {
    var random = SeededGenerator(seed)
    func keys(_ count: Int) -> [[UInt8]] {
      (0..<count).map { _ in network(UInt32.random(in: 0..<4_000, using: &random)) }
    }
    let old = ElementTable(keyLength: 4, records: keys(1_000))
    let new = seed == 0 ? old : ElementTable(keyLength: 4, records: keys(Int(seed) * 50))
    let change = new.changes(from: old)
    var result = old
    result.take(change)
    #expect(result == new)
    for index in 0..<change.added.count { #expect(!old.contains(Array(change.added.record(index)))) }
    for index in 0..<change.removed.count { #expect(!new.contains(Array(change.removed.record(index)))) }
  }

  @Test func onlyWhatIsMissingIsAddedAndOnlyWhatIsThereRemoved() {
    let table = ElementTable(keyLength: 1, records: [[1], [3]])
    let change = table.change(adding: [[1], [2], [4]], removing: [[3], [4], [5]])
    #expect(change.added.bytes == [2, 4])
    #expect(change.removed.bytes == [3])
  }

  @Test func prefixesThatMeetBecomeOneRange() {
    let prefixes = [
      "10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "192.0.2.1/32", "192.0.2.3/32", "255.255.255.255/32", "fd00::/8",
    ]
    let table = ElementTable(prefixes: prefixes.map(Models.prefix), family: .v4)
    #expect(table.count == 4)
    #expect(Array(table.record(0)) == [10, 0, 0, 0, 10, 255, 255, 255])
    for (address, isIn) in [
      ("10.0.0.0", true), ("10.255.255.255", true), ("11.0.0.0", false), ("9.255.255.255", false), ("192.0.2.2", false),
      ("192.0.2.3", true), ("255.255.255.255", true), ("0.0.0.0", false),
    ] {
      #expect(table.contains(Models.address(address).bytes) == isIn, "\(address)")
    }
    let everything = ElementTable(prefixes: [Models.prefix("::/0"), Models.prefix("fd00::/8")], family: .v6)
    #expect(everything.count == 1)
    #expect(everything.contains(Models.address("::").bytes))
  }

  @Test func aMapAnswersByKey() {
    let table = ElementTable(keyLength: 2, valueLength: 1, records: [[0, 80, 1], [0, 81, 2]])
    #expect(table.value(for: [0, 80]) == [1])
    #expect(table.value(for: [0, 82]) == nil)
  }
}
