import ArgumentParser
import VersionedStore

/// What the commands end with, for scripts. Wrong usage is 64, as everywhere in lares.
enum ExitStatus: Int32 {
  case done = 0
  /// It failed.
  case failed = 1
  /// Both sides changed the same, and people have to decide.
  case conflict = 2
  /// There is no such path, branch or commit.
  case absent = 3
  /// A value was not what `--if-equals` or `--if-absent` expected, or a branch was moved by somebody else.
  case testFailed = 4

  static let help = """
    Exit status: 0 done, 1 failed, 2 a merge left conflicts, 3 there is nothing of that name, 4 the value is not what \
    --if-equals or --if-absent expected, 64 wrong usage.
    """

  init(_ error: StoreError) {
    switch error {
    case .conflict: self = .conflict
    case .notFound, .noBranch: self = .absent
    case .testFailed, .refChanged: self = .testFailed
    default: self = .failed
    }
  }
}

/// A command's end that is no success, with a line for people.
struct CommandFailure: Error, CustomStringConvertible {
  var status: ExitStatus
  var words: String
  /// For commands that throw it as it is.
  var description: String { words }

  init(_ status: ExitStatus, _ words: String) {
    self.status = status
    self.words = words
  }
}

/// Runs what makes a reference that must not be there yet.
///
/// - Parameter taken: what to say where it is there.
@discardableResult
func creating<Result>(_ taken: String, _ body: () throws(StoreError) -> Result) throws -> Result {
  do { return try body() } catch {
    guard case .refChanged = error else { throw error }
    throw CommandFailure(.testFailed, taken)
  }
}
