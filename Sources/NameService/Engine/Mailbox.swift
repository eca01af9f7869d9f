import CNameService
import HostSystem
import Synchronization

/// Messages for one thread from any other, with a descriptor that becomes readable when there are some.
final class Mailbox<Message: Sendable>: Sendable {
  /// To be watched by the thread that takes the messages.
  let descriptor: Int32
  private let waiting = Mutex<[Message]>([])

  init() throws(SystemError) {
    descriptor = try systemCall("making an eventfd") { lares_event_create() }
  }

  deinit { lares_event_close(descriptor) }

  func post(_ message: Message) {
    let wasEmpty = waiting.withLock { queue in
      queue.append(message)
      return queue.count == 1
    }
    if wasEmpty { lares_event_signal(descriptor) }
  }

  /// All messages that wait, in order.
  func take() -> [Message] {
    lares_event_clear(descriptor)
    return waiting.withLock { queue in
      var taken: [Message] = []
      swap(&taken, &queue)
      return taken
    }
  }
}
