import Glibc
public import HostSystem

/// The `git` of this machine in a temporary folder, without the settings of whoever runs the tests.
public struct StockGit: Sendable {
  public let folder: TemporaryFolder

  public init() throws(SystemError) { folder = try TemporaryFolder() }

  /// What stands at a name below the temporary folder.
  public func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  /// The variables by which git and what it starts know nothing of the machine's and the person's settings, and make
  /// commits as Ada.
  public static let environment = [
    "PATH": getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin", "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@home.arpa", "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@home.arpa", "LC_ALL": "C",
  ]

  /// Variables by which what is committed is always the same.
  public static let fixedDates = [
    "GIT_AUTHOR_DATE": "1763800000 +0100", "GIT_COMMITTER_DATE": "1763800000 +0100",
  ]

  public struct Outcome: Sendable {
    public var isSuccess: Bool
    /// What git wrote to standard output and standard error.
    public var bytes: [UInt8]
    public var output: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// What git was to do and did not, with what it said.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Runs git in any folder to its end, however that is.
  ///
  /// - Parameters:
  ///   - variables: in addition to `environment`.
  ///   - input: a file that it reads.
  ///   - connection: a socket that git has as `fd::3`, closed here.
  public static func attempt(
    _ arguments: [String], at folder: String, variables: [String: String] = [:], input: String = "/dev/null",
    connection: Int32? = nil
  ) throws(SystemError) -> Outcome {
    let pipe = try Pipe()
    let input = try Descriptor(opening: input, O_RDONLY)
    let output = pipe.writing.number
    let child = try ChildProcess(
      ["git", "-C", folder] + arguments, environment: environment.merging(variables) { $1 },
      descriptors: [input.number, output, output] + (connection.map { [$0] } ?? []))
    if let connection { close(connection) }
    let bytes = try pipe.keepingReading().readToEnd(of: "git")
    return Outcome(isSuccess: try child.wait() == .exited(0), bytes: bytes)
  }

  /// Runs git in any folder, where it has to succeed, and gives what it wrote.
  @discardableResult
  public static func run(
    _ arguments: [String], at folder: String, variables: [String: String] = [:], input: String = "/dev/null"
  ) throws -> String {
    let outcome = try attempt(arguments, at: folder, variables: variables, input: input)
    try outcome.requireSuccess(of: arguments)
    return outcome.output
  }

  /// Runs git in a folder below the temporary one, its home, to its end, however that is.
  @discardableResult
  public func attempt(
    _ arguments: [String], in name: String = "", variables: [String: String] = [:], connection: Int32? = nil
  ) throws(SystemError) -> Outcome {
    let own = Self.fixedDates.merging(["HOME": folder.path]) { $1 }.merging(variables) { $1 }
    return try Self.attempt(arguments, at: path(name), variables: own, connection: connection)
  }

  /// Runs git there where it has to succeed, and gives what it wrote without the last newline.
  @discardableResult
  public func run(
    _ arguments: String..., in name: String = "", variables: [String: String] = [:], connection: Int32? = nil
  ) throws -> String {
    let outcome = try attempt(arguments, in: name, variables: variables, connection: connection)
    try outcome.requireSuccess(of: arguments)
    return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
  }

  /// Looks at every object of a repository as strictly as git can.
  public func fsck(_ name: String) throws { try run("fsck", "--strict", "--full", in: name) }

  /// Removes a folder below the temporary folder.
  public func remove(_ name: String) throws(SystemError) {
    _ = try runCommand(["rm", "-r", "-f", path(name)])
  }

  /// Writes a file below the temporary folder.
  public func write(_ text: String, to name: String) throws(SystemError) {
    try File.replace(path(name), with: Array(text.utf8), mode: 0o644, durable: false)
  }
}

extension StockGit.Outcome {
  fileprivate func requireSuccess(of arguments: [String]) throws(StockGit.Failure) {
    guard !isSuccess else { return }
    throw StockGit.Failure(description: "git \(arguments.joined(separator: " ")): \(output)")
  }
}
