import CNameService
import HostSystem

/// A running core: the thread, and the mailbox that reaches it.
final class WorkerThread {
  let mailbox: Mailbox<WorkerMessage>
  private var thread: UInt = 0

  private final class Box: Sendable {
    let start: Worker.Start
    init(_ start: Worker.Start) { self.start = start }
  }

  /// Starts a thread. What goes wrong on it later comes to the daemon's mailbox.
  init(_ start: Worker.Start) throws(SystemError) {
    mailbox = start.mailboxes[start.core]
    let box = Unmanaged.passRetained(Box(start))
    let code = lares_thread_start(
      { argument in
        guard let argument else { return }
        WorkerThread.run(Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().start)
      }, box.toOpaque(), &thread)
    guard code == 0 else {
      box.release()
      throw SystemError("starting a thread for the name service", code: code)
    }
  }

  /// Waits for the thread to end after `.stop`.
  func join() { lares_thread_join(thread) }

  private static func run(_ start: Worker.Start) {
    do throws(SystemError) {
      try Worker(start).run()
    } catch {
      start.daemon.post(.problem(core: start.core, "core \(start.core) does not answer: \(error)"))
    }
  }
}
