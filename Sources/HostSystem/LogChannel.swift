import Glibc
import Synchronization

/// Hands log lines to the control daemon, a datagram each, and never waits for it: lines that it cannot take now are kept
/// up to a number and tried again with the next one. Threads may share it.
final class LogChannel: Sendable {
  private let sender: DatagramSender
  private let state = Mutex(State())

  private struct State {
    /// Oldest first.
    var waiting: [LogLine] = []
    /// Lines thrown away that no line has told of yet.
    var lost = 0
  }

  /// Lines kept while nobody takes them: about what daemons write while control starts.
  private static var waitingLimit: Int { 64 }

  /// - Returns: nil where the process has no descriptor left.
  init?(path: String) {
    guard let sender = try? DatagramSender(to: .unix(path: path)) else { return nil }
    self.sender = sender
  }

  func send(_ line: LogLine) {
    state.withLock { state in
      state.waiting.append(line)
      if state.waiting.count > Self.waitingLimit {
        state.waiting.removeFirst()
        state.lost += 1
      }
      sendWaiting(&state)
    }
  }

  /// Tries again what could not be sent.
  func flush() { state.withLock { sendWaiting(&$0) } }

  private func sendWaiting(_ state: inout State) {
    while var line = state.waiting.first {
      line.lost = state.lost > 0 ? state.lost : nil
      do throws(SystemError) {
        guard let bytes = try? line.json() else { throw SystemError("encoding a log line", code: EMSGSIZE) }
        try sender.send(bytes)
        state.lost = 0
      } catch {
        // Nobody takes it now, or the queue is full; one that is too long for the kernel will never pass.
        guard error.code == EMSGSIZE else { return }
        state.lost += 1
      }
      state.waiting.removeFirst()
    }
  }
}
