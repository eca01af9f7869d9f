import Glibc
import HostSystem

/// The value of an environment variable.
func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// A line on standard error.
func printError(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, line, line.count)
}

/// Has this process die with its parent.
///
/// - Returns: whether that is still there: it may have died before the request.
func attach(to parent: Int32) -> Bool {
  Privileges.dieWithParent()
  return getppid() == parent
}

func sleep(milliseconds: UInt32) { usleep(milliseconds * 1_000) }

extension Words {
  /// `90s`, `45m`, `2h`, `1d` as seconds; nil where the text is none of these.
  static func seconds(of text: String) -> Int? {
    let factors: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let unit = text.last, let factor = factors[unit], let count = Int(text.dropLast()), count > 0 else {
      return nil
    }
    let (seconds, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? nil : seconds
  }
}
