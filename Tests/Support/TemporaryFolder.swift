import Glibc
public import HostSystem

/// A folder of a test's own, removed with everything in it when the last reference goes.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws(SystemError) {
    var template = Array("/tmp/lares-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("making a temporary folder") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    // A thread of what a test has just let go may still be writing in it.
    for _ in 0..<100 {
      if let result = try? runCommand(["rm", "-rf", path]), result.isSuccess { return }
      usleep(10_000)
    }
  }

  public var folders: Folders { Folders(state: path + "/state", run: path + "/run") }
}
