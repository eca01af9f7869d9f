import ArgumentParser
import GitFormat
import HostSystem
import VersionedStore

/// How a list is printed: a line for each entry, or for programs.
struct ListOptions: ParsableArguments {
  @Flag(help: "Print one JSON object a line.")
  var json = false
  @Flag(
    name: [.customShort("z"), .customLong("null")],
    help: "End entries with a zero byte instead of a newline, and quote no names.")
  var null = false

  func validate() throws {
    if json, null { throw ValidationError("--json and --null exclude each other") }
  }

  /// A name with the end that was asked for, and what stands before and behind it.
  func entry(_ name: [UInt8], before: String = "", behind: String = "", to output: Output) throws {
    try output.write(before.utf8)
    try output.write(null ? name : Words.quoted(name))
    try output.write(behind.utf8)
    try output.write(CollectionOfOne(null ? 0 : UInt8(ascii: "\n")))
  }
}

extension Output {
  func json(_ value: some Encodable) throws {
    try write(JSON.encode(value))
    try write("\n".utf8)
  }
}

/// A path for JSON, which has no place for bytes that are no UTF-8.
struct JSONPath: Encodable {
  var path: String
  /// In hexadecimal digits, where `path` cannot say it.
  var pathBytes: String?

  init(_ path: Path) {
    let bytes = path.bytes
    self.path = String(decoding: bytes, as: UTF8.self)
    if String(validating: bytes, as: UTF8.self) == nil {
      pathBytes = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }
}

/// A commit for JSON.
struct JSONCommit: Encodable {
  struct Who: Encodable {
    var name: String
    var email: String
    /// Seconds since 1970.
    var time: Int64
    /// Minutes east of Greenwich.
    var zone: Int

    init(_ signature: Signature) {
      (name, email, time, zone) = (signature.name, signature.email, signature.time, signature.zone)
    }
  }

  var id: String
  var tree: String
  var parents: [String]
  var author: Who
  var committer: Who
  var message: String

  init(_ commit: Commit) {
    id = commit.id.hex
    tree = commit.object.tree.hex
    parents = commit.parents.map(\.hex)
    author = Who(commit.author)
    committer = Who(commit.committer)
    message = commit.message
  }
}
