import CBenchStore
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// What a person has to know where a benchmark cannot go on.
struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Two contestants in turn, the first round for warming up only.
///
/// - Returns: medians.
func interleaved(
  rounds: Int = 5, _ ours: (Int) throws -> Double, _ peer: (Int) throws -> Double
) throws -> (ours: Double, peer: Double) {
  var times: (ours: [Double], peer: [Double]) = ([], [])
  for round in 0...rounds {
    let (a, b) = (try ours(round), try peer(round))
    guard a > 0, b > 0 else { throw BenchmarkError("a contestant could not run") }
    if round > 0 {
      times.ours.append(a)
      times.peer.append(b)
    }
  }
  return (median(times.ours), median(times.peer))
}

/// Prints a line at once, also into a pipe.
func say(_ text: String) { _ = (text + "\n").withCString { write(STDOUT_FILENO, $0, strlen($0)) } }

/// A number with two digits, or three that count.
func digits(_ value: Double) -> String {
  let factor: Double = value >= 1_000 ? 1 : value >= 100 ? 10 : 100
  let scaled = Int((value * factor).rounded())
  guard factor > 1 else { return String(scaled) }
  let rest = String(scaled % Int(factor))
  let width = factor == 10 ? 1 : 2
  return "\(scaled / Int(factor)).\(String(repeating: "0", count: width - rest.utf8.count))\(rest)"
}

/// The line that a benchmark ends with.
func ratio(_ name: String, _ value: Double, ours: Double, peer: Double, _ unit: String) {
  say("ratio \(name) \(digits(value)) (ours \(digits(ours)) \(unit), peer \(digits(peer)) \(unit))")
}

/// A folder of the benchmark's own, on the disk where the work is, removed at the end.
final class Workplace {
  let path: String

  init() throws {
    var template =
      Array((getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp").utf8CString.dropLast())
      + Array("/lares-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("making a folder for the benchmark") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { _ = try? runCommand(["rm", "-rf", path]) }

  /// A path that nothing stands at.
  func fresh(_ name: String) throws -> String {
    _ = try runCommand(["rm", "-rf", "\(path)/\(name)"])
    return "\(path)/\(name)"
  }
}

private let environment = [
  "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin",
  "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@home.arpa", "GIT_COMMITTER_NAME": "Ada",
  "GIT_COMMITTER_EMAIL": "ada@home.arpa",
]

@discardableResult
func git(_ arguments: String...) throws -> String {
  let result = try runCommand(["git"] + arguments, environment: environment)
  guard result.isSuccess else { throw BenchmarkError("git \(arguments.joined(separator: " ")): \(result.output)") }
  return result.output
}

/// Runs a shell command with stock Git's environment, for pipes.
func shell(_ command: String) throws {
  let result = try runCommand(["sh", "-c", command], environment: environment)
  guard result.isSuccess else { throw BenchmarkError("\(command): \(result.output)") }
}

let ada = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000, zone: 60)

func open(_ path: String, cacheBytes: Int = 8 << 20, layer: FileLayer = .system) throws -> Repository {
  let backend =
    access(path, F_OK) == 0 ? try GitBackend(opening: path, layer: layer) : try GitBackend.create(path, layer: layer)
  return Repository(backend, identity: Identity(name: "Ada", email: "ada@home.arpa"), cacheBytes: cacheBytes) {
    1_763_800_000
  }
}
