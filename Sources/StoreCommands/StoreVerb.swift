import ArgumentParser
import Glibc
import HostSystem
import VersionedStore

/// A command of `lares store`. What it prints is on standard output when it ends; what it throws becomes one line on
/// standard error and an exit status.
protocol StoreVerb: ParsableCommand {
  func perform(_ output: Output) throws
  /// What it ends with after an error.
  func exitStatus(after error: StoreError) -> ExitStatus
}

extension StoreVerb {
  func exitStatus(after error: StoreError) -> ExitStatus { ExitStatus(error) }

  func run() throws {
    // A remote that hangs up is an error of the protocol, with words; who reads our output may stop at any time.
    signal(SIGPIPE, SIG_IGN)
    do {
      let output = Output()
      try perform(output)
      try output.flush()
    } catch let error as StoreError {
      throw Self.end(CommandFailure(exitStatus(after: error), "\(error)"))
    } catch let error as SystemError {
      throw Self.end(CommandFailure(exitStatus(after: .system(error)), "\(error)"))
    } catch let failure as CommandFailure {
      throw Self.end(failure)
    }
  }

  private static func end(_ failure: CommandFailure) -> ExitCode {
    if let words = failure.words { printWarning("Error: \(words)") }
    return ExitCode(failure.status.rawValue)
  }
}

/// A line on standard error; its control characters, which may come from a repository, are shown as spaces.
func printWarning(_ text: String) {
  let line = text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 } + [UInt8(ascii: "\n")]
  _ = write(STDERR_FILENO, line, line.count)
}
