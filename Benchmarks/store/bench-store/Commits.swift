import CBenchStore
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Small durable commits: a value two folders deep, one commit each, acknowledged when it would survive a power cut.
struct CommitBenchmark {
  let place: Workplace

  /// How much longer a sync takes where a slower disk stands in for this one, microseconds.
  private static let slowerBy = 200

  /// Seconds for so many commits by so many writers, each on a branch of its own.
  ///
  /// - Parameter delay: how much longer each sync is to take, microseconds.
  private func ours(_ count: Int, writers: Int, delay: Int = 0) throws -> Double {
    let layer = FileLayer { operation in
      if case .syncing = operation { usleep(UInt32(delay)) }
    }
    let repository = try open(try place.fresh("ours.git"), layer: delay > 0 ? layer : .system)
    let failure = FirstFailure()
    let start = lares_seconds()
    var threads: [BackgroundThread] = []
    for writer in 0..<writers {
      threads.append(
        try BackgroundThread {
          do {
            let branch = try repository.branch("main\(writer)")
            for number in 0..<count / writers {
              try branch.set(
                "leases/state", Array("value \(number) of \(writer)\n".utf8),
                CommitInfo(author: ada, message: "Set leases/state\n"))
            }
          } catch {
            failure.note("\(error)")
          }
        })
    }
    threads = []
    let took = lares_seconds() - start
    if let text = failure.text { throw BenchmarkError(text) }
    return took
  }

  /// How many bytes of our journal a commit takes.
  private func bytesOfACommit() throws -> Int {
    let path = try place.fresh("ours.git")
    let repository = try open(path)
    let branch = try repository.branch("main")
    var written = 0
    let before = try journalEnd(path)
    for number in 0..<64 {
      try branch.set(
        "leases/state", Array("value \(number) of 0\n".utf8), CommitInfo(author: ada, message: "Set leases/state\n"))
      written += 1
    }
    return (try journalEnd(path) - before) / written
  }

  /// Where the last byte of a journal is that is not zero.
  private func journalEnd(_ path: String) throws -> Int {
    (try File.read(path + "/lares/journal").lastIndex { $0 != 0 } ?? 0) + 1
  }

  func run() throws {
    let size = try bytesOfACommit()
    let count = 20_000
    say("a commit is \(size) bytes of journal")
    try compare("commits-floor", count, count, size, writers: 1)
    try compare("commits-floor-8", 4 * count, count, size, writers: 8)
    try compare("commits-floor-slower", count / 4, count / 4, size, writers: 1, delay: Self.slowerBy)
    try compare("commits-floor-8-slower", count, count / 4, size, writers: 8, delay: Self.slowerBy)
  }

  /// So many commits, against so many appends by one writer.
  private func compare(
    _ name: String, _ count: Int, _ appends: Int, _ size: Int, writers: Int, delay: Int = 0
  ) throws {
    let times = try interleaved({ _ in try ours(count, writers: writers, delay: delay) }) { _ in
      lares_floor("\(place.path)/floor", Int32(appends), Int32(size), Int32(delay))
    }
    let (rate, floor) = (Double(count) / times.ours, Double(appends) / times.peer)
    ratio(name, rate / floor, ours: rate, peer: floor, "commits/s")
  }

  /// For a profiler: eight writers, and nothing else.
  func runEight() throws {
    let took = try ours(80_000, writers: 8)
    say("\(Int(80_000 / took)) commits/s")
  }

  func runPeers() throws {
    let few = 500
    let libgit2 = try interleaved(rounds: 3, { _ in try ours(20_000, writers: 1) / 20_000 }) { _ in
      lares_libgit2_commits(try place.fresh("libgit2.git"), Int32(few)) / Double(few)
    }
    ratio("commits-libgit2", libgit2.peer / libgit2.ours, ours: 1 / libgit2.ours, peer: 1 / libgit2.peer, "commits/s")
    let stock = try interleaved(rounds: 3, { _ in try ours(20_000, writers: 1) / 20_000 }) { _ in
      let path = try place.fresh("work")
      try git("init", "--quiet", path)
      try git("-C", path, "config", "core.fsync", "all")
      try shell("mkdir \(path)/leases")
      let start = lares_seconds()
      try shell(
        "cd \(path) && for i in $(seq 60); do echo $i >leases/state && git add leases && git commit -qm set; done")
      return (lares_seconds() - start) / 60
    }
    ratio("commits-git", stock.peer / stock.ours, ours: 1 / stock.ours, peer: 1 / stock.peer, "commits/s")
    let imported = try interleaved(rounds: 3, { _ in try ours(20_000, writers: 1) / 20_000 }) { _ in
      try fastImport(commits: 200) / 200
    }
    ratio(
      "commits-fast-import", imported.peer / imported.ours, ours: 1 / imported.ours, peer: 1 / imported.peer,
      "commits/s")
  }

  /// Seconds for so many commits with a checkpoint behind each.
  private func fastImport(commits: Int) throws -> Double {
    let path = try place.fresh("import.git")
    try git("init", "--quiet", "--bare", path)
    try git("-C", path, "config", "core.fsync", "all")
    var stream = ""
    for number in 0..<commits {
      let text = "value \(number) of 0\n"
      stream += "commit refs/heads/main\ncommitter Ada <ada@home.arpa> 1763800000 +0100\ndata 17\nSet leases/state\n\n"
      if number > 0 { stream += "from refs/heads/main^0\n" }
      stream += "M 100644 inline leases/state\ndata \(text.utf8.count)\n\(text)\ncheckpoint\n"
    }
    try File.replace(place.path + "/stream", with: Array(stream.utf8), durable: false)
    let start = lares_seconds()
    try shell("git -C \(path) fast-import --quiet <\(place.path)/stream")
    return lares_seconds() - start
  }
}

/// The first thing that went wrong in any thread.
private final class FirstFailure: Sendable {
  private let monitor = Monitor()
  private nonisolated(unsafe) var first: String?
  var text: String? { monitor.withLock { first } }
  func note(_ text: String) { monitor.withLock { first = first ?? text } }
}
