import CBenchStore
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Reads at random of a large repository, each contestant in a process of its own that has read nothing before.
struct ReadBenchmark {
  private static let cache = 32 << 20
  /// 32 entries in each folder down to depth 4, as far as there are that many.
  private static let files = 1_000_000
  private static let reads = 100_000

  let place: Workplace

  private static func path(_ number: Int) -> String {
    "d\(number >> 15 & 31)/e\(number >> 10 & 31)/f\(number >> 5 & 31)/file\(number & 31)"
  }

  private static func content(_ number: Int) -> String { "content \(number)\n" }

  /// Makes the repository by our writer, and collects as `lares store gc` does.
  private func makeOurs() throws -> String {
    let path = try place.fresh("reads-ours.git")
    do {
      let repository = try open(path)
      let branch = try repository.branch("main")
      for first in stride(from: 0, to: Self.files, by: 10_000) {
        try branch.update(CommitInfo(author: ada, message: "Files from \(first)\n")) { tree throws(StoreError) in
          for number in first..<min(first + 10_000, Self.files) {
            try tree.set(Path(Self.path(number)), Array(Self.content(number).utf8))
          }
        }
      }
    }
    try GitBackend(opening: path).collect(CollectOptions(now: Clock.wallMilliseconds / 1_000))
    return path
  }

  /// Makes the repository by fast-import, and packs it as stock Git does.
  private func makeByGit() throws -> String {
    let path = try place.fresh("reads-git.git")
    try git("init", "--quiet", "--bare", path)
    let stream = try Descriptor(opening: place.path + "/stream", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try stream.writeAll(
      Array("commit refs/heads/main\ncommitter Ada <ada@home.arpa> 1763800000 +0100\ndata 5\nFiles\n".utf8),
      to: "stream")
    for first in stride(from: 0, to: Self.files, by: 10_000) {
      var text = ""
      for number in first..<min(first + 10_000, Self.files) {
        let content = Self.content(number)
        text += "M 100644 inline \(Self.path(number))\ndata \(content.utf8.count)\n\(content)"
      }
      try stream.writeAll(Array(text.utf8), to: "stream")
    }
    try shell("git -C \(path) fast-import --quiet <\(place.path)/stream && git -C \(path) repack -adq")
    return path
  }

  func run() throws {
    let (ours, theirs) = (try makeOurs(), try makeByGit())
    try compare("reads-libgit2", ours, theirs)
    try compare("reads-libgit2-of-git", theirs, theirs)
    try compare("reads-libgit2-of-ours", ours, ours)
  }

  /// Each reads a repository of its own kind, or both the same one.
  private func compare(_ name: String, _ ours: String, _ theirs: String) throws {
    let times = try interleaved({ try child("read-ours", ours, $0) }) { try child("read-libgit2", theirs, $0) }
    let count = Double(Self.reads)
    ratio(name, times.peer / times.ours, ours: count / times.ours, peer: count / times.peer, "reads/s")
  }

  private func child(_ what: String, _ path: String, _ seed: Int) throws -> Double {
    let result = try runCommand([CommandLine.arguments[0], what, path, String(seed)])
    guard result.isSuccess, let seconds = Double(result.output.split(separator: "\n").last ?? "") else {
      throw BenchmarkError("\(what): \(result.output)")
    }
    return seconds
  }

  /// Distinct numbers of files, the same for both contestants.
  private static func numbers(_ seed: Int) -> [Int] {
    // A step without a common factor goes through all files before it comes back.
    let step = 618_033 + 2 * seed
    return (0..<reads).map { ($0 * step + seed * 7_919) % files }
  }

  /// What a process of its own does.
  static func readOurs(_ path: String, _ seed: Int) throws {
    let paths = numbers(seed).map { Self.path($0) }
    let start = lares_seconds()
    let backend = try GitBackend(opening: path, cacheBytes: cache / 8)
    let repository = Repository(
      backend, identity: Identity(name: "Ada", email: "ada@home.arpa"), cacheBytes: cache / 8 * 7
    ) { 0 }
    let tree = try repository.branch("main").tree()
    var bytes = 0
    for path in paths { bytes += try tree.get(Path(path)).count }
    guard bytes > 0 else { throw BenchmarkError("nothing was read") }
    print(lares_seconds() - start)
  }

  static func readLibgit2(_ path: String, _ seed: Int) throws {
    let text = numbers(seed).map { Self.path($0) }.joined(separator: "\0")
    let seconds = text.withCString { lares_libgit2_reads(path, $0, Int32(reads), Int64(cache)) }
    guard seconds > 0 else { throw BenchmarkError("libgit2 could not read") }
    print(seconds)
  }
}
