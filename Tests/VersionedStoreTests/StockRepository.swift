import GitFormat
import HostSystem
import TestSupport
import Testing

/// A bare repository of stock Git's own, in a temporary folder.
final class StockRepository {
  let folder: TemporaryFolder
  let format: ObjectFormat
  var path: String { folder.path + "/repository.git" }
  var objects: String { path + "/objects" }

  init(_ format: ObjectFormat = .sha1) throws {
    folder = try TemporaryFolder()
    self.format = format
    try StockGit.run(
      ["init", "--quiet", "--bare", "--initial-branch=main", "--object-format=\(format.rawValue)", path],
      at: folder.path)
    try self("config", "gc.auto", "0")
  }

  /// Runs `git` in the repository and gives what it wrote. What fails is thrown.
  @discardableResult
  func callAsFunction(_ arguments: String..., input: [UInt8] = []) throws -> String {
    let file = folder.path + "/input"
    try File.replace(file, with: input, durable: false)
    return try StockGit.run(arguments, at: path, variables: StockGit.fixedDates, input: file)
  }

  /// Names, kinds and sizes of all objects, as stock Git lists them.
  func list() throws -> [(id: ObjectID, kind: ObjectKind, size: Int)] {
    try self("cat-file", "--batch-all-objects", "--batch-check").split(separator: "\n").map { line in
      let words = line.split(separator: " ").map(String.init)
      let kind = try #require(ObjectKind.allCases.first { "\($0)" == words[1] })
      return (try #require(ObjectID(format, hex: words[0])), kind, try #require(Int(words[2])))
    }
  }

  /// Files of `objects/pack` with an ending, whole paths.
  func packs(_ ending: String = ".pack") -> [String] {
    File.list(objects + "/pack").filter { $0.hasSuffix(ending) }.map { "\(objects)/pack/\($0)" }
  }
}

extension StockRepository {
  /// Commits to one file of about 2 KB, each changing one of its 50 lines, and at times to a second one beside it, by
  /// fast-import: what small imports write are loose objects, larger ones a pack.
  func importHistory(commits: Int, seed: UInt64 = 1) throws {
    var generator = SeededGenerator(seed)
    func line() -> [UInt8] {
      (0..<40).map { _ in UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z"), using: &generator) } + [0x0A]
    }
    var lines = (0..<50).map { _ in line() }
    var stream: [UInt8] = []
    func data(_ bytes: [UInt8]) {
      stream += "data \(bytes.count)\n".utf8
      stream += bytes
      stream += "\n".utf8
    }
    for number in 0..<commits {
      lines[Int.random(in: 0..<50, using: &generator)] = line()
      stream += "commit refs/heads/main\n".utf8
      stream += "committer Ada <ada@home.arpa> \(1_763_800_000 + number) +0100\n".utf8
      data(Array("Change \(number)\n".utf8))
      if number == 0, File.list(path + "/refs/heads").contains("main") { stream += "from refs/heads/main^0\n".utf8 }
      stream += "M 100644 inline notes/today\n".utf8
      data(lines.flatMap(\.self))
      if number % 10 == 0 {
        stream += "M 100644 inline \(number)\n".utf8
        data(Array("\(number)".utf8))
      }
    }
    try self("fast-import", "--quiet", "--force", input: stream)
  }
}
