import CBenchStore
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Merges of trees, and updates of wide directories.
struct TreeBenchmark {
  let place: Workplace

  /// 100,000 files of twenty lines, of which 10,000 differ between two branches: half of these changed on one side, half
  /// on both, at different lines.
  func runMerge() throws {
    let path = try place.fresh("merge.git")
    let (base, ours, theirs) = try makeBranches(path)
    let times = try interleaved({ _ in
      let repository = try open(try copy(path), cacheBytes: 32 << 20)
      let start = lares_seconds()
      let buffer = ObjectBuffer(over: repository.objects)
      let result = try TreeMerge.merge(base: base, ours: ours, theirs: theirs, in: buffer)
      try repository.store(Batch(objects: buffer.objects))
      guard result.conflicts.isEmpty else { throw BenchmarkError("\(result.conflicts.count) conflicts") }
      return lares_seconds() - start
    }) { _ in
      let path = try copy(path)
      let start = lares_seconds()
      try git("-C", path, "-c", "core.fsync=all", "merge-tree", "--write-tree", "ours", "theirs")
      return lares_seconds() - start
    }
    ratio("merge-tree", times.peer / times.ours, ours: times.ours * 1_000, peer: times.peer * 1_000, "ms")
  }

  /// A repository that nobody has merged in: what a round writes, the next would find.
  private func copy(_ path: String) throws -> String {
    let copy = try place.fresh("copy.git")
    try shell("cp -a \(path) \(copy) && sync -f \(copy)")
    return copy
  }

  private func makeBranches(_ folder: String) throws -> (base: ObjectID, ours: ObjectID, theirs: ObjectID) {
    let repository = try open(folder)
    func text(_ number: Int, _ ours: Bool, _ theirs: Bool) -> [UInt8] {
      var lines = (0..<20).map { "line \($0) of file \(number)" }
      if ours { lines[2] = "ours \(number)" }
      if theirs { lines[17] = "theirs \(number)" }
      return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
    func path(_ number: Int) -> Path { Path("d\(number / 1_000)/e\(number / 100 % 10)/file\(number % 100)") }
    var tree = repository.emptyTree
    for number in 0..<100_000 { try tree.set(path(number), text(number, false, false)) }
    let branch = try repository.branch("base")
    let base = try branch.commit(tree, on: nil, CommitInfo(author: ada, message: "Base\n"))
    var (ours, theirs) = (base.tree, base.tree)
    for index in 0..<10_000 {
      let number = index * 10
      let isBoth = index % 2 == 0
      let isOurs = isBoth || index % 4 == 1
      let isTheirs = isBoth || !isOurs
      if isOurs { try ours.set(path(number), text(number, true, false)) }
      if isTheirs { try theirs.set(path(number), text(number, false, true)) }
    }
    for (name, tree) in [("ours", ours), ("theirs", theirs)] {
      let branch = try repository.branch(name)
      try branch.testAndSet(head: nil, to: base.id, why: "branch")
      try branch.commit(tree, on: base.id, CommitInfo(author: ada, message: "Change\n"))
    }
    try repository.backend.publish()
    try git("-C", folder, "repack", "-adq")
    return (try base.tree.id(), try ours.id(), try theirs.id())
  }

  /// An update of one entry in a directory of 1,000,000, against the same in one of 1,000: time of the processor.
  func runWide() throws {
    let small = try wide(1_000, "small.git")
    let large = try wide(1_000_000, "large.git")
    let times = try interleaved({ try large.update($0) }) { try small.update($0) }
    ratio("wide", times.peer / times.ours, ours: times.ours * 1e6, peer: times.peer * 1e6, "us")
  }

  private struct Wide {
    let branch: Branch
    let count: Int

    func update(_ round: Int) throws -> Double {
      let start = lares_cpu_seconds()
      for number in 0..<200 {
        let name = (number * 7_919 + round * 104_729) % count
        try branch.set(
          Path("names/entry-\(name)"), Array("\(round) \(number)".utf8), CommitInfo(author: ada, message: "Update\n"))
      }
      return (lares_cpu_seconds() - start) / 200
    }
  }

  private func wide(_ count: Int, _ name: String) throws -> Wide {
    let repository = try open(try place.fresh(name))
    var tree = repository.emptyTree
    for number in 0..<count { try tree.set(Path("names/entry-\(number)"), Array("\(number)".utf8)) }
    let branch = try repository.branch("main")
    try branch.commit(tree, on: nil, CommitInfo(author: ada, message: "Names\n"))
    try repository.backend.publish()
    return Wide(branch: branch, count: count)
  }
}
