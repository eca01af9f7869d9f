import Glibc
import HostSystem
import TestSupport
import Testing

/// A folder, and command lines that a person would type there: with `lares` of this build, stock `git`, and nobody's
/// settings.
final class Shell: Sendable {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  /// The folder of this build's executables.
  static var products: String {
    File.folderName(of: CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0])
  }

  static var packageRoot: String {
    var folder = File.folderName(of: #filePath)
    for _ in 0..<3 { folder = File.folderName(of: folder) }
    return folder
  }

  private var environment: [String: String] {
    let git = StockGit.environment
    let own = [
      "PATH": "\(Self.products):\(git["PATH"] ?? "")", "HOME": folder.path, "LC_ALL": "C.UTF-8", "TZ": "UTC",
      "LARES_STORE": path("store.git"),
    ]
    return git.merging(own) { $1 }
  }

  struct Outcome {
    var ending: ChildProcess.Ending
    var bytes: [UInt8]
    var errors: String
    var status: Int32? { if case .exited(let status) = ending { status } else { nil } }
    var output: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// A script of sh(1) that has been started.
  struct Running {
    let child: ChildProcess
    fileprivate let files: String

    func wait() throws -> Outcome {
      let ending = try child.wait()
      return Outcome(
        ending: ending, bytes: try File.read(files + ".out"),
        errors: String(decoding: try File.read(files + ".err"), as: UTF8.self))
    }

    /// Waits until standard output has so many lines.
    func waitForLines(_ count: Int) throws {
      let areThere = try eventually {
        try File.read(files + ".out").count(where: { $0 == UInt8(ascii: "\n") }) >= count
      }
      #expect(areThere, "there are not \(count) lines")
    }
  }

  func start(_ script: String, variables: [String: String] = [:]) throws -> Running {
    let files = path(".run-\(UInt64.random(in: 0...UInt64.max))")
    let null = try Descriptor(opening: "/dev/null", O_RDONLY)
    let output = try Descriptor(opening: files + ".out", O_WRONLY | O_CREAT, mode: 0o600)
    let errors = try Descriptor(opening: files + ".err", O_WRONLY | O_CREAT, mode: 0o600)
    let child = try ChildProcess(
      ["sh", "-c", "cd '\(folder.path)' || exit 99; \(script)"], environment: environment.merging(variables) { $1 },
      descriptors: [null.number, output.number, errors.number])
    return Running(child: child, files: files)
  }

  /// Runs a script to its end, however that is.
  func attempt(_ script: String, variables: [String: String] = [:]) throws -> Outcome {
    try start(script, variables: variables).wait()
  }

  /// Runs a script that has to succeed, and gives what it wrote, without the last newline.
  @discardableResult
  func callAsFunction(_ script: String, variables: [String: String] = [:]) throws -> String {
    let outcome = try attempt("set -e; " + script, variables: variables)
    try #require(outcome.status == 0, "\(script): \(outcome.output)\(outcome.errors)")
    return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
  }

  /// Looks at every object as strictly as git can.
  func fsck(_ name: String = "store.git") throws {
    try self("git -C '\(name)' fsck --strict --full --no-dangling")
  }
}
