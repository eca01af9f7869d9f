import CBenchStore
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// What a long history of a small file takes on the disk.
struct GrowthBenchmark {
  let place: Workplace

  func run() throws {
    let commits = 100_000
    let path = try place.fresh("growth.git")
    do {
      let repository = try open(path)
      let branch = try repository.branch("main")
      var state: UInt64 = 1
      func random() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 24
      }
      func line() -> String {
        String(random(), radix: 36) + String(random(), radix: 36) + String(random(), radix: 36) + "\n"
      }
      var lines = (0..<80).map { _ in line() }
      for number in 0..<commits {
        lines[Int(random() % 80)] = line()
        try branch.set("file", Array(lines.joined().utf8), CommitInfo(author: ada, message: "Change \(number)\n"))
      }
      try repository.backend.publish()
    }
    let peer = try place.fresh("peer.git")
    try git("clone", "--quiet", "--mirror", path, peer)
    var start = lares_seconds()
    try git("-C", peer, "gc", "--quiet", "--aggressive", "--prune=now")
    say("git gc --aggressive took \(digits(lares_seconds() - start)) s")
    start = lares_seconds()
    let backend = try GitBackend(opening: path)
    var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
    options.graceSeconds = 0
    options.aggressive = true
    try backend.collect(options)
    say("ours took \(digits(lares_seconds() - start)) s")
    let (ours, theirs) = (try size(path), try size(peer))
    ratio("size-gc", theirs / ours, ours: ours / 1e6, peer: theirs / 1e6, "MB")
  }

  private func size(_ path: String) throws -> Double {
    let output = try runCommand(["du", "-sb", path + "/objects"]).output
    guard let bytes = Double(output.split(separator: "\t").first ?? "") else { throw BenchmarkError(output) }
    return bytes
  }
}
