import GitFormat
import HostSystem
import TestSupport

/// A bare repository of stock Git, to compare with.
struct StockFsck {
  private let folder: TemporaryFolder
  private let path: String

  init(_ format: ObjectFormat) throws {
    folder = try TemporaryFolder()
    path = folder.path + "/repository"
    _ = try run("init", "--quiet", "--bare", "--object-format=\(format.rawValue)", path)
  }

  /// Runs Git in the repository, whatever the machine's and the person's settings are. What it wrote, and whether it succeeded.
  func run(_ arguments: String...) throws -> StockGit.Outcome {
    try StockGit.attempt(arguments, at: folder.path, variables: ["GIT_DIR": path])
  }

  /// Puts objects there as loose ones, whatever they contain.
  func add(_ objects: [ObjectID: GitObject]) throws {
    for (id, object) in objects {
      let hex = id.hex
      let file = "\(path)/objects/\(hex.prefix(2))/\(hex.dropFirst(2))"
      try File.makeFolder(File.folderName(of: file))
      try File.replace(
        file, with: Deflate.compress(Array("\(object.kind) \(object.bytes.count)\0".utf8) + object.bytes),
        durable: false)
    }
  }

  /// What `git fsck --strict` says against each object: lines that begin with `error` or, where wanted, `warning`.
  func complaints(_ level: String, of ids: some Collection<ObjectID>) throws -> [ObjectID: String] {
    let lines = try run("fsck", "--strict", "--no-dangling").output.split(separator: "\n")
    let byHex = Dictionary(uniqueKeysWithValues: ids.map { ($0.hex[...], $0) })
    var complaints: [ObjectID: String] = [:]
    // Broken links are those of one object to others, of which there are none here.
    for line in lines where line.hasPrefix(level) && !line.hasSuffix("broken links") {
      for word in line.split(whereSeparator: { " :".contains($0) }) {
        if let id = byHex[word] { complaints[id] = String(line) }
      }
    }
    return complaints
  }
}
