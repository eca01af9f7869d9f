import ArgumentParser
import Glibc
import HostSystem
import VersionedStore

/// A command of `lares store`. What it prints is on standard output when it ends; what it throws becomes one line on
/// standard error and an exit status.
protocol StoreVerb: ParsableCommand {
  func perform(_ output: Output) throws
  /// What the process ends with after an error.
  func exitCode(for status: ExitStatus) -> Int32
}

extension StoreVerb {
  func exitCode(for status: ExitStatus) -> Int32 { status.rawValue }

  func run() throws {
    // A remote that hangs up is an error of the protocol, with words; who reads our output may stop at any time.
    signal(SIGPIPE, SIG_IGN)
    do {
      let output = Output()
      try perform(output)
      try output.flush()
    } catch let error as StoreError {
      if case .system(let cause) = error, cause.code == EPIPE, Output.isBroken { Output.endAsByBrokenPipe() }
      throw end(ExitStatus(error), "\(error)")
    } catch let error as SystemError {
      throw end(.failed, "\(error)")
    } catch let failure as CommandFailure {
      throw end(failure.status, failure.words)
    }
  }

  private func end(_ status: ExitStatus, _ words: String) -> ExitCode {
    printWarning("Error: \(words)")
    return ExitCode(exitCode(for: status))
  }
}

/// A line on standard error; its control characters, which may come from a repository, are shown as spaces.
func printWarning(_ text: String) {
  let line = text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 } + [UInt8(ascii: "\n")]
  _ = write(STDERR_FILENO, line, line.count)
}
