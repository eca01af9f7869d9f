import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// The shape of wide directories: what the definition says, whatever their history, and what others may have made of them.
@Suite struct FanOutTests {
  // Wide trees are hashed by OpenSSL here; our SHA-1 takes long in a debug build.
  let buffer = ObjectBuffer(over: MemoryBackend(format: .sha256))
  let blob: ObjectID

  init() throws { blob = try buffer.write(.blob, [1]) }

  private func name(_ number: Int) -> EntryName { EntryName("device-\(number).vcf") }
  private func entry(_ number: Int) -> TreeEntry { TreeEntry(name(number), .file, blob) }
  private func adding(_ numbers: some Sequence<Int>) -> [EntryChange] {
    numbers.map { EntryChange(name($0), from: nil, to: entry($0)) }
  }
  private func removing(_ numbers: some Sequence<Int>) -> [EntryChange] {
    numbers.map { EntryChange(name($0), from: nil, to: nil) }
  }

  /// The definition, word by word.
  private func defined(_ entries: [TreeEntry], level: Int = 0) throws -> ObjectID? {
    guard !entries.isEmpty else { return nil }
    guard entries.count > 1_024 else { return try buffer.write(.tree, TreeObject.serialize(entries)) }
    let groups = try Dictionary(grouping: entries) { entry in
      var hasher = ObjectHasher(.sha256)
      hasher.update(entry.name.bytes)
      let byte = try hasher.finish().bytes[level / 2]
      return Int(level % 2 == 0 ? byte >> 4 : byte & 15)
    }
    let buckets = try groups.map { number, entries in
      TreeEntry(
        EntryName(".lares-" + String(number, radix: 16)), .tree, try #require(try defined(entries, level: level + 1)))
    }
    return try buffer.write(.tree, TreeObject.serialize(buckets))
  }

  @Test func upToALimitADirectoryIsOneTree() throws {
    let flat = try Directories.applying(adding(0..<1_024), to: nil, in: buffer)
    #expect(try TreeObject.parse(buffer.bytes(#require(flat), .tree), .sha256).count == 1_024)
    let wide = try Directories.applying(adding(1_024..<1_025), to: flat, in: buffer)
    let top = try TreeObject.parse(buffer.bytes(#require(wide), .tree), .sha256)
    #expect(top.map(\.name) == FanOut.names)
    #expect(try wide == defined((0..<1_025).map(entry)))
    #expect(try Directories.entries(of: wide, in: buffer).count == 1_025)
    #expect(try Directories.entry(name(77), of: wide, in: buffer) == entry(77))
    #expect(try Directories.entry(".lares-0", of: wide, in: buffer) == nil)
    #expect(try Directories.applying(removing(3..<4), to: wide, in: buffer) != flat)
    #expect(try Directories.applying(removing(1_024..<1_025), to: wide, in: buffer) == flat)
    #expect(try Directories.applying(removing(0..<1_025), to: wide, in: buffer) == nil)
  }

  @Test func oneMillionNamesInThreeOrdersAreOneTree() throws {
    let count = Soak.count(8_000, soak: 1_000_000)
    var random = SeededGenerator(Soak.seed(1))
    let orders = [Array(0..<count), Array((0..<count).reversed()), (0..<count).shuffled(using: &random)]
    var trees: Set<ObjectID?> = [try defined((0..<count).map(entry))]
    let part = max(1_000, count / 8)
    for order in orders {
      // What is between the first tree and the last is forgotten with it.
      let buffer = ObjectBuffer(over: buffer)
      var id: ObjectID?
      for start in stride(from: 0, to: count, by: part) {
        id = try Directories.applying(adding(order[start..<min(count, start + part)]), to: id, in: buffer)
      }
      trees.insert(id)
      let half = order.shuffled(using: &random).prefix(count / 2)
      for start in stride(from: 0, to: half.count, by: part) {
        id = try Directories.applying(removing(half[start..<min(half.count, start + part)]), to: id, in: buffer)
      }
      let left = Set(0..<count).subtracting(half)
      #expect(try id == defined(left.map(entry)))
      id = try Directories.applying(adding(half), to: id, in: buffer)
      trees.insert(id)
    }
    #expect(trees.count == 1)
  }

  /// Sets of names that grow and shrink around the limits of a tree.
  @Test(arguments: Soak.seeds(1...2, soak: 300)) func anyHistoryOfASetGivesTheTreeThatIsDefined(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var set: [EntryName: TreeEntry] = [:]
    var id: ObjectID?
    for _ in 0..<12 {
      let old = (id: id, set: set)
      let step = [1, 3, 100, 900, 2_000].randomElement(using: &random)!
      let shrinks = set.count > 1_024 && Bool.random(using: &random)
      let leaving = set.keys.sorted().shuffled(using: &random)
      let changes = (0..<step).map { index in
        guard !shrinks || index >= leaving.count else {
          set[leaving[index]] = nil
          return EntryChange(leaving[index], from: nil, to: nil)
        }
        let number = Int.random(in: 0..<20_000, using: &random)
        let name = name(number)
        let entry = TreeEntry(name, number % 5 == 0 ? .executable : number % 7 == 0 ? .tree : .file, blob)
        set[name] = entry
        return EntryChange(name, from: nil, to: entry)
      }
      id = try Directories.applying(changes, to: id, in: buffer)
      #expect(try id == defined(Array(set.values)))
      #expect(try Directories.entries(of: id, in: buffer) == set.values.sorted { $0.name < $1.name })
      let names = Set(set.keys).union(old.set.keys).filter { set[$0] != old.set[$0] }.sorted()
      #expect(
        try Directories.differences(from: old.id, to: id, in: buffer)
          == names.map { EntryChange($0, from: old.set[$0], to: set[$0]) })
    }
  }

  /// What stock Git, which knows of no buckets, may make of a directory.
  @Test func entriesThatGitAddsBesideTheBucketsAreReadAndFoldedIn() throws {
    let wide = try #require(try Directories.applying(adding(0..<5_000), to: nil, in: buffer))
    let other = try buffer.write(.blob, [2])
    var top = try TreeObject.parse(buffer.bytes(wide, .tree), .sha256)
    top += [TreeEntry(name(3), .executable, other), TreeEntry("added", .file, other)]
    let edited = try buffer.write(.tree, TreeObject.serialize(top))
    let expected =
      ((0..<5_000).filter { $0 != 3 }.map(entry) + [
        TreeEntry(name(3), .executable, other), TreeEntry("added", .file, other),
      ])
      .sorted { $0.name < $1.name }
    #expect(try Directories.entries(of: edited, in: buffer) == expected)
    #expect(try Directories.entry("added", of: edited, in: buffer)?.id == other)
    #expect(try Directories.entry(name(3), of: edited, in: buffer)?.id == other)
    #expect(
      try Directories.differences(from: wide, to: edited, in: buffer) == [
        EntryChange("added", from: nil, to: TreeEntry("added", .file, other)),
        EntryChange(name(3), from: entry(3), to: TreeEntry(name(3), .executable, other)),
      ])
    let folded = try Directories.applying(adding(9_000..<9_001), to: edited, in: buffer)
    #expect(try folded == defined(expected + [entry(9_000)]))
    #expect(
      try Directories.applying(removing(3..<4), to: edited, in: buffer)
        == defined(expected.filter { $0.name != name(3) }))
    #expect(try Directories.canonical(edited, in: buffer) == defined(expected))
    #expect(
      try Directories.differences(from: edited, to: Directories.canonical(edited, in: buffer), in: buffer).isEmpty)
  }

  @Test func shapesThatAreNotAsDefinedHoldTheSame() throws {
    let entries = (0..<3_000).map(entry)
    let wide = try #require(try defined(entries))
    let flat = try buffer.write(.tree, TreeObject.serialize(entries))
    #expect(try Directories.differences(from: wide, to: flat, in: buffer).isEmpty)
    #expect(try Directories.differences(from: flat, to: wide, in: buffer).isEmpty)
    #expect(try Directories.applying([], to: flat, in: buffer) == wide)
    #expect(try Directories.entries(of: flat, in: buffer) == Directories.entries(of: wide, in: buffer))

    // All but ten of a fan-out are gone, and the buckets still there.
    var buckets: [TreeEntry] = []
    for bucket in try TreeObject.parse(buffer.bytes(wide, .tree), .sha256).prefix(10) {
      let first = try TreeObject.parse(buffer.bytes(bucket.id, .tree), .sha256)[0]
      buckets.append(TreeEntry(bucket.name, .tree, try buffer.write(.tree, TreeObject.serialize([first]))))
    }
    let small = try buffer.write(.tree, TreeObject.serialize(buckets))
    let left = try Directories.entries(of: small, in: buffer)
    #expect(left.count == 10)
    #expect(try Directories.canonical(small, in: buffer) == defined(left))
    #expect(try Directories.applying(adding(5_000..<5_001), to: small, in: buffer) == defined(left + [entry(5_000)]))
    #expect(try Directories.differences(from: small, to: defined(left), in: buffer).isEmpty)
    #expect(try Directories.differences(from: small, to: wide, in: buffer).count == 2_990)
  }

  @Test func hostileShapesAreErrors() throws {
    let inner = try #require(try defined((0..<2_000).map(entry)))
    let buckets = try TreeObject.parse(buffer.bytes(inner, .tree), .sha256)
    func tree(_ entries: [TreeEntry]) throws -> ObjectID { try buffer.write(.tree, TreeObject.serialize(entries)) }
    func refused(_ id: ObjectID, _ what: Comment) {
      #expect(throws: StoreError.self, what) { try Directories.entries(of: id, in: buffer) }
      #expect(throws: StoreError.self, what) { try Directories.canonical(id, in: buffer) }
      #expect(throws: StoreError.self, what) { try Directories.differences(from: nil, to: id, in: buffer) }
      #expect(throws: StoreError.self, what) { try Directories.differences(from: id, to: inner, in: buffer) }
    }
    refused(try tree([TreeEntry(FanOut.names[0], .tree, buckets[1].id)]), "a bucket in the place of another")
    refused(try tree([TreeEntry(FanOut.names[0], .tree, try tree([]))]), "an empty bucket")
    refused(try tree([buckets[0], TreeEntry(buckets[0].name, .tree, buckets[1].id)]), "a bucket twice")
    refused(try tree([TreeEntry(FanOut.names[0], .tree, blob)]), "a bucket that is a file")
    refused(try tree([TreeEntry(FanOut.names[0], .tree, .zero(.sha256))]), "a bucket that is missing")
    var deep = try tree([entry(1)])
    for level in 0..<40 {
      // Each level names one tree sixteen times: 16 to the 40th leaves, if one believed it.
      deep = try tree(FanOut.names.map { TreeEntry($0, .tree, deep) })
      if level > 0 { refused(deep, "a bomb of \(level) levels") }
      _ = try? Directories.entry(name(1), of: deep, in: buffer)
      _ = try? Directories.applying(adding(1..<2), to: deep, in: buffer)
      _ = try? Directories.applying(removing(1..<2), to: deep, in: buffer)
    }
    #expect(throws: StoreError.self) {
      try Directories.applying(
        [EntryChange(".lares-0", from: nil, to: TreeEntry(".lares-0", .tree, inner))], to: nil, in: buffer)
    }
    let lookalike = TreeEntry(".lares-0", .file, blob)
    let file = try Directories.applying([EntryChange(".lares-0", from: nil, to: lookalike)], to: inner, in: buffer)
    #expect(try Directories.entry(".lares-0", of: file, in: buffer) == lookalike)
    #expect(try Directories.entries(of: file, in: buffer).count == 2_001)
  }

  /// Trees with flipped, cut and repeated bytes are read or refused, and never trap.
  @Test(arguments: Soak.seeds(1...4, soak: 400)) func damagedTreesAreReadOrRefused(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let mixed = [TreeEntry("a", .tree, blob), TreeEntry("a.b", .link, blob), TreeEntry("a0", .commit, blob), entry(7)]
    let wide = try #require(try defined((0..<1_100).map(entry)))
    let sources = [TreeObject.serialize(mixed), try buffer.bytes(wide, .tree)]
    for _ in 0..<100 {
      var bytes = sources.randomElement(using: &random)!
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes.removeSubrange(at...)
        case 2: bytes[at] = [0, 0x20, 0x2F, 0x34, 0x31].randomElement(using: &random)!
        default: bytes.insert(contentsOf: bytes[..<at], at: at)
        }
      }
      let id = try buffer.write(.tree, bytes)
      let read = try? TreeObject.parse(bytes, .sha256)
      let entries = try? Directories.entries(of: id, in: buffer)
      if read == nil { #expect(entries == nil) }
      for old in [wide, nil] { _ = try? Directories.differences(from: old, to: id, in: buffer) }
      _ = try? Directories.entry(name(7), of: id, in: buffer)
      guard let entries else { continue }
      #expect(try Directories.canonical(id, in: buffer) == defined(entries))
      let more = try? Directories.applying(adding(2_000..<2_001), to: id, in: buffer)
      if let more { #expect(try Directories.entries(of: more, in: buffer).count == entries.count + 1) }
    }
  }
}
