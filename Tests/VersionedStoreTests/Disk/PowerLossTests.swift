import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Power cuts at any place in what the store does, with what was not synced there, absent or torn.
@Suite struct PowerLossTests {
  /// Work on a recorded disk, and the commits that it made in order: `commits[n]` is acknowledged as n + 1.
  private struct Work {
    let folder: TemporaryFolder
    let disk: RecordedDisk
    var commits: [ObjectID] = []
    /// After this event the repository has to be there,
    var created = 0
    /// and after this one it knows that its first commit has no parents here.
    var madeShallow = 0

    var path: String { folder.path + "/store.git" }

    /// Commits, branches that come and go, packed references, publishing at odd times, collections, and a second
    /// opening.
    init(_ format: ObjectFormat, seed: UInt64, ignoring point: SyncPoint? = nil) throws {
      folder = try TemporaryFolder()
      disk = RecordedDisk(ignoring: point)
      var generator = SeededGenerator(seed)
      let layer = disk.layer
      try RepositoryLayout.create(path, format: format, head: .main, layer: layer)
      created = disk.count
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
      let store = try GitBackend(opening: path, layer: layer, publishAfterMilliseconds: 1 << 40)
      try store.adopt(nil, refs: [], shallow: ShallowChange(added: [commits[0]]))
      madeShallow = disk.count
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
    private func changeBranches(_ store: GitBackend, _ number: Int, _ layer: FileLayer) throws {
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
    }

    /// What is wrong with the repository after a cut; nil where all is as it was promised.
    func problem(at event: Int, using generator: inout SeededGenerator) throws -> String? {
      let place = try TemporaryFolder()
      let path = place.path + "/store.git"
      let acknowledged = try disk.cut(at: event, into: place.path, for: folder.path, using: &generator)
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
      let log = try runGit(path, ["reflog", "show", "--format=%H", "main"]).output.split(separator: "\n").map(
        String.init)
      let missing = commits.prefix(acknowledged).filter { !log.contains($0.hex) }
      return missing.isEmpty ? nil : "the reflog lacks \(missing.count) of \(acknowledged) commits"
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

  /// That of what is forgotten has a test of its own.
  @Test(arguments: SyncPoint.allCases.filter { $0 != .forgotten }) func noSyncIsDispensable(point: SyncPoint) throws {
    for seed: UInt64 in 1...40 {
      let work = try Work(.sha1, seed: seed, ignoring: point)
      var generator = SeededGenerator(seed)
      for _ in 0..<15 {
        let event = Int.random(in: work.created...work.disk.count, using: &generator)
        if try work.problem(at: event, using: &generator) != nil { return }
      }
    }
    Issue.record("without syncs of \(point) nothing is ever lost: they are not needed, or the test does not see it")
  }
}
