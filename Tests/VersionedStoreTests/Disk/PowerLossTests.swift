import GitFormat
import Glibc
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VersionedStore

/// Power cuts at any place in what the store does, with what was not synced there, absent or torn.
@Suite struct PowerLossTests {
  /// Work on a recorded disk, and the commits that it made in order: `commits[n]` is acknowledged as n + 1.
  private struct Work: Sendable {
    /// Where it was done; what is left of it is in the record.
    let folder: String
    let disk = RecordedDisk()
    var commits: [ObjectID] = []
    /// While the repository was opened that had a batch of which nobody knew whether it is on the disk.
    var reopened = 0..<0
    /// Branches that are gone after an event.
    var deleted: [(event: Int, name: RefName)] = []
    /// After this event the repository has to be there,
    var created = 0
    /// after this one it knows that its first commit has no parents here,
    var madeShallow = Int.max
    /// and after this one the log of a branch has a value that stays when older ones go.
    var logged: (event: Int, id: ObjectID)?

    var path: String { folder + "/store.git" }

    /// Commits, branches that come and go, packed references, publishing at odd times, collections, and a second
    /// opening.
    init(_ format: ObjectFormat, seed: UInt64) throws {
      let place = try TemporaryFolder()
      defer { withExtendedLifetime(place) {} }
      folder = place.path
      var generator = SeededGenerator(seed)
      let layer = disk.layer
      try RepositoryLayout.create(path, format: format, head: .main, layer: layer)
      created = disk.count
      if seed % 2 == 0 {
        // As in a repository of stock Git's, which gets what ours needs when it is opened.
        for name in ["journal", "lock"] { try layer.remove("\(path)/lares/\(name)") }
      }
      for _ in 0..<2 {
        let store = try GitBackend(opening: path, layer: layer, publishAfterMilliseconds: 1 << 40)
        for _ in 0..<Int.random(in: 4..<9, using: &generator) {
          let number = commits.count + 1
          commits.append(try commit(store, "file\(number % 5)", "\(number) \(seed)\n"))
          disk.acknowledge(number)
          if Int.random(in: 0..<3, using: &generator) == 0 { try store.publish() }
          if Int.random(in: 0..<4, using: &generator) == 0 { try changeBranches(store, number, layer) }
        }
        try store.publish()
        try collect(store, &generator)
      }
      try tearLog(layer)
      try failToSync(layer)
      let failed = disk.count
      let store = try GitBackend(opening: path, layer: layer, publishAfterMilliseconds: 1 << 40)
      reopened = failed..<disk.count
      try store.maintenance.mergePacks(isIdle: true)
      try expireLog(of: store)
      try receive(store, layer)
      try store.adopt(nil, refs: [], shallow: ShallowChange(added: [commits[0]]))
      madeShallow = disk.count
    }

    /// A commit that is acknowledged and not published, and a log that ends within a line.
    private mutating func tearLog(_ layer: FileLayer) throws {
      var store: GitBackend? = try GitBackend(opening: path, layer: layer, publishAfterMilliseconds: 1 << 40)
      commits.append(try commit(store!, "torn", "\(commits.count)"))
      disk.acknowledge(commits.count)
      disk.whileFailing(.everything) { store = nil }
      let log = try layer.open(path + "/logs/refs/heads/main")
      let size = try systemCall("sizing the log") { lseek(log.descriptorNumber, 0, SEEK_END) }
      try log.write(Array(commits[0].hex.utf8), at: Int(size))
    }

    /// Two branches are made in one batch, which is not acknowledged: it is written, and the disk does not sync. Whoever opens
    /// the repository next may find it or not, and then has all of it or nothing.
    private func failToSync(_ layer: FileLayer) throws {
      let store = try GitBackend(opening: path, layer: layer, publishAfterMilliseconds: 1 << 40)
      let changes = Self.pair.map { RefChange($0, from: nil, to: commits[0], who: ada, why: "branch") }
      disk.whileFailing(.syncs) {
        #expect(throws: StoreError.self) { try store.commit(Batch(refs: changes)) }
      }
    }

    private static let pair = ["left", "right"].map { RefName.branch($0)! }

    /// A branch whose log has old entries, with a commit that nothing else reaches, and a new one: the old ones go, and
    /// the commit.
    private mutating func expireLog(of store: GitBackend) throws {
      let name = try #require(RefName.branch("logged"))
      let past = Signature(name: "Ada", email: "ada@home.arpa", time: ada.time - 100 * 86_400)
      var (first, old) = try change(store, "logged", "old", on: name, nil)
      first.refs[0].who = past
      try store.commit(first)
      let new = try #require(commits.last)
      try store.commit(Batch(refs: [RefChange(name, from: old, to: commits[0], who: past, why: "reset")]))
      try store.commit(Batch(refs: [RefChange(name, from: commits[0], to: new, who: ada, why: "reset")]))
      logged = (disk.count, new)
      var options = CollectOptions(now: ada.time + 100)
      options.graceSeconds = 0
      let result = try store.collect(options)
      #expect(result.expiredEntries == 2 && result.dropped > 0)
    }

    /// A commit comes as a pack.
    private mutating func receive(_ store: GitBackend, _ layer: FileLayer) throws {
      let old = try #require(commits.last)
      let (batch, new) = try change(store, "received", "\(commits.count)", on: .main, old)
      var pack = PublishedPack()
      for object in batch.objects {
        var entry: [UInt8] = []
        PackEntry.append(object.object.kind, object.object.bytes, level: 1, to: &entry)
        pack.add(object.id, entry: entry[...])
      }
      let (index, name) = try pack.finish(store.format)
      let folder = try store.makeQuarantine()
      let received = ReceivedPack(
        folder: folder, store.format, checksum: name, count: pack.count, byteCount: pack.bytes.count)
      try layer.makeFolder(folder + "/pack")
      try layer.create(received.packPath, with: pack.bytes)
      try layer.create(received.indexPath, with: index)
      try store.adopt(received, refs: batch.refs, shallow: ShallowChange())
      commits.append(new)
      disk.acknowledge(commits.count)
    }

    /// A commit that is dropped, with its branch, is collected: kept for the grace time, or removed.
    private func collect(_ store: GitBackend, _ generator: inout SeededGenerator) throws {
      let name = try #require(RefName.branch("dropped"))
      let id = try commit(store, "dropped", "\(commits.count)", on: name)
      try store.commit(Batch(refs: [RefChange(name, from: id, to: nil, who: ada, why: "delete")]))
      var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
      // The times of the tests' commits are of long ago.
      options.reflogs = nil
      try store.collect(options)
      if Bool.random(using: &generator) {
        options.graceSeconds = 0
        try store.collect(options)
      }
    }

    /// A branch is made, packed as `git pack-refs` does, and deleted.
    private mutating func changeBranches(_ store: GitBackend, _ number: Int, _ layer: FileLayer) throws {
      let name = try #require(RefName.branch("topics/t\(number)"))
      let id = commits[commits.count - 1]
      try store.commit(Batch(refs: [RefChange(name, from: nil, to: id, who: ada, why: "branch")]))
      try store.publish()
      let packed = path + "/packed-refs"
      if !File.isThere(packed) {
        try layer.create(
          packed + ".new", with: Array("# pack-refs with: peeled fully-peeled sorted \n\(id) \(name)\n".utf8),
          sync: .packedReferences)
        try layer.rename(packed + ".new", packed)
        try layer.syncFolder(path, .packedReferences)
      }
      try store.commit(Batch(refs: [RefChange(name, from: id, to: nil, who: ada, why: "delete")]))
      deleted.append((disk.count, name))
    }

    /// What is wrong with the repository after a cut; nil where all is as it was promised.
    ///
    /// - Parameter call: syncs by this are taken for nothing, as if the code had none.
    func problem(
      at event: Int, ignoring call: SyncCall? = nil, using generator: inout SeededGenerator
    ) throws -> String? {
      let place = try TemporaryFolder()
      let path = place.path + "/store.git"
      let acknowledged = try disk.cut(
        at: event, into: place.path, for: folder, ignoring: { $0 == call }, using: &generator)
      guard event >= created else { return nil }
      let before = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      guard before.isSuccess, before.output.isEmpty || before.output.hasPrefix("notice:") else {
        return "before recovery, git fsck: \(before.output)"
      }
      let cruft = File.list(path + "/objects/pack").filter { $0.hasSuffix(".mtimes") }.map { $0.dropLast(7) }
      let read = CollectFiles(of: PackSet(objects: path + "/objects", commits[0].format)).packs
      for name in cruft where read.contains(where: { $0.name == name && $0.times == nil }) {
        return "\(name).mtimes is unreadable"
      }
      let head: ObjectID?
      do {
        let store = try GitBackend(opening: path)
        head = try store.reference(.main)
        guard try Set(Self.pair.map { try store.reference($0) != nil }).count == 1 else {
          return "half a batch is there"
        }
        if let back = try deleted.first(where: { try event >= $0.event && store.reference($0.name) != nil }) {
          return "\(back.name) was deleted, and is there"
        }
        if event >= madeShallow, try store.shallowCommits != [commits[0]] {
          return "the list of shallow commits is lost"
        }
      } catch {
        return "opening: \(error)"
      }
      let reached = head.flatMap { head in commits.firstIndex(of: head).map { $0 + 1 } } ?? 0
      guard reached >= acknowledged else { return "commit \(acknowledged) is lost; the branch is at \(reached)" }
      let after = try runGit(path, ["fsck", "--strict", "--no-dangling"])
      guard after.isSuccess, after.output.isEmpty || after.output.hasPrefix("notice:") else {
        return "after recovery, git fsck: \(after.output)"
      }
      guard head != nil else { return nil }
      let log = try log(of: "main", in: path)
      let missing = commits.prefix(acknowledged).filter { !log.contains($0.hex) }
      guard missing.isEmpty else { return "the reflog lacks \(missing.count) of \(acknowledged) commits" }
      if let logged, event >= logged.event, try !self.log(of: "logged", in: path).contains(logged.id.hex) {
        return "a reflog lost what was to stay"
      }
      return nil
    }

    private func log(of branch: String, in path: String) throws -> [String] {
      try runGit(path, ["reflog", "show", "--format=%H", branch]).output.split(separator: "\n").map(String.init)
    }
  }

  @Test(arguments: ObjectFormat.allCases) func nothingAcknowledgedIsLost(format: ObjectFormat) throws {
    for seed in Soak.seeds(1...2, soak: 10) {
      let work = try Work(format, seed: seed)
      var generator = SeededGenerator(seed &+ 1_000)
      for _ in 0..<Soak.count(25, soak: 200) {
        let event = Int.random(in: 0...work.disk.count, using: &generator)
        let problem = try work.problem(at: event, using: &generator)
        #expect(problem == nil, "seed \(seed), event \(event)")
      }
    }
  }

  /// Work by its seed, done once for all who take away a sync of it.
  private static let works = Mutex<[UInt64: Work]>([:])

  private static func work(seed: UInt64) throws -> Work {
    try works.withLock { works in
      if let work = works[seed] { return work }
      let work = try Work(.sha1, seed: seed)
      works[seed] = work
      return work
    }
  }

  /// Every call that syncs, as the source has it, is one that the work above makes.
  private static let syncCalls = Result {
    try work(seed: 1).disk.syncCalls.filter { $0.file.hasPrefix("VersionedStore/") }
  }

  @Test func everySyncIsTried() throws {
    let calls = try Self.syncCalls.get()
    let tried = Dictionary(grouping: calls) { String($0.file.split(separator: "/")[1]) }.mapValues(\.count)
    let folder = File.folderName(of: #filePath) + "/../../../Sources/VersionedStore/Disk"
    var written: [String: Int] = [:]
    for name in File.list(folder) {
      let lines = String(decoding: try File.read("\(folder)/\(name)"), as: UTF8.self).split(separator: "\n")
      let count = lines.count { $0.contains("sync: .") || $0.contains(".sync(.") || $0.contains(".syncFolder(") }
      if count > 0 { written[name] = count }
    }
    // Only a journal of a megabyte begins anew, and only one who forgets erases one: that has tests of its own.
    written["Journal.swift"]! -= 2
    #expect(tried == written)
  }

  @Test(arguments: try Self.syncCalls.get()) func noSyncIsDispensable(call: SyncCall) throws {
    #expect(try isMissed(call), "without it nothing is lost: it is not needed, or the test does not see it")
  }

  private func isMissed(_ call: SyncCall) throws -> Bool {
    for seed: UInt64 in 1...40 {
      let work = try Self.work(seed: seed)
      var generator = SeededGenerator(seed)
      for number in 0..<15 {
        // Some at the end, when what was done last is done, and some while the repository is opened.
        let event =
          switch number % 3 {
          case 0: work.disk.count
          case 1: try #require(work.reopened.randomElement(using: &generator))
          default: Int.random(in: work.created...work.disk.count, using: &generator)
          }
        if try work.problem(at: event, ignoring: call, using: &generator) != nil { return true }
      }
    }
    return false
  }
}
