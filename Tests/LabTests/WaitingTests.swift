import Glibc
import Synchronization
import Testing

/// For tests that mostly wait: so many of a suite run at a time, and each on a thread of its own, because Swift Testing has
/// only one a processor, which others can use meanwhile.
struct WaitingTests: SuiteTrait, TestTrait, TestScoping {
  private let places: Places

  fileprivate init(atATime count: Int) { places = Places(count) }

  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await places.take()
    do {
      try await withTaskExecutorPreference(ThreadForEach()) { try await function() }
      await places.giveBack()
    } catch {
      await places.giveBack()
      throw error
    }
  }
}

extension SuiteTrait where Self == WaitingTests {
  static func waiting(atATime count: Int) -> Self { WaitingTests(atATime: count) }
}

/// A number of places, given to whoever waits longest.
private actor Places {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  func take() async {
    if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
  }

  func giveBack() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}

/// Each piece of work between two suspensions has a thread.
private final class ThreadForEach: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let work = Unmanaged.passRetained(Work(job: UnownedJob(job), executor: asUnownedTaskExecutor()))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { work in
        Unmanaged<Work>.fromOpaque(work!).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
    precondition(code == 0, "there is no room for a thread")
    pthread_detach(thread)
  }

  private final class Work {
    private let job: UnownedJob
    private let executor: UnownedTaskExecutor

    init(job: UnownedJob, executor: UnownedTaskExecutor) { (self.job, self.executor) = (job, executor) }

    func run() { job.runSynchronously(on: executor) }
  }
}
