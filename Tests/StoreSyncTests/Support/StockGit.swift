import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing

/// The `git` of this machine, without the settings of whoever runs the tests.
struct StockGit {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  private var environment: [String: String] {
    [
      "PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin", "HOME": folder.path,
      "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
      "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@home.arpa", "GIT_AUTHOR_DATE": "1763800000 +0100",
      "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@home.arpa", "GIT_COMMITTER_DATE": "1763800000 +0100",
      "LC_ALL": "C",
    ]
  }

  struct Outcome {
    var isSuccess: Bool
    var bytes: [UInt8]
    var output: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// Runs git in a folder below the temporary one.
  ///
  /// - Parameters:
  ///   - connection: a socket that git has as `fd::3`.
  @discardableResult
  func attempt(
    _ arguments: [String], in name: String = "", variables: [String: String] = [:], connection: Int32? = nil
  ) throws -> Outcome {
    let pipe = try Pipe()
    let null = try Descriptor(opening: "/dev/null", O_RDONLY)
    let output = pipe.writing.number
    var environment = environment
    environment.merge(variables) { $1 }
    let child = try ChildProcess(
      ["git", "-C", path(name)] + arguments, environment: environment,
      descriptors: [null.number, output, output] + (connection.map { [$0] } ?? []))
    if let connection { close(connection) }
    let bytes = try pipe.keepingReading().readToEnd(of: "git")
    return Outcome(isSuccess: try child.wait() == .exited(0), bytes: bytes)
  }

  /// Runs git where it has to succeed, and gives what it wrote without the last newline.
  @discardableResult
  func run(
    _ arguments: String..., in name: String = "", variables: [String: String] = [:], connection: Int32? = nil
  ) throws -> String {
    let outcome = try attempt(arguments, in: name, variables: variables, connection: connection)
    try #require(outcome.isSuccess, "git \(arguments.joined(separator: " ")): \(outcome.output)")
    return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
  }

  /// Removes a folder below the temporary folder.
  func remove(_ name: String) throws {
    _ = try runCommand(["rm", "-r", "-f", path(name)], environment: ["PATH": "/usr/bin:/bin"])
  }

  /// Writes a file below the temporary folder.
  func write(_ text: String, to name: String) throws {
    try File.replace(path(name), with: Array(text.utf8), mode: 0o644, durable: false)
  }

  /// An object of a repository, as git prints it.
  func object(_ id: ObjectID, in name: String) throws -> GitObject {
    let kind = try run("cat-file", "-t", id.hex, in: name)
    let object = try #require(ObjectKind.allCases.first { "\($0)" == kind })
    let outcome = try attempt(["cat-file", kind, id.hex], in: name)
    return GitObject(object, outcome.bytes)
  }

  /// Looks at every object of a repository as strictly as git can.
  func fsck(_ name: String) throws { try run("fsck", "--strict", "--full", in: name) }
}
