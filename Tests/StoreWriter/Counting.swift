import GitFormat
import HostSystem
import VersionedStore

/// A repository whose commits are made by nobody in particular.
func open(_ folder: String) throws -> (repository: Repository, backend: GitBackend) {
  let backend = try GitBackend(opening: folder)
  return (Repository(backend, identity: Identity(name: "Writer", email: "writer@home.arpa")) { seconds() }, backend)
}

func seconds() -> Int64 { Clock.wallMilliseconds / 1_000 }

func info(_ message: String) -> CommitInfo {
  CommitInfo(author: Signature(name: "Writer", email: "writer@home.arpa", time: seconds()), message: message + "\n")
}

/// Counts in a file of a branch, and writes the number of each commit that was acknowledged as a line of eight digits.
/// Ends when nobody listens any more.
func count(in folder: String, on name: String) throws {
  let branch = try open(folder).repository.branch(name)
  let path = Path("counters/\(name)")
  var number = try branch.find(path).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
  while true {
    number += 1
    try branch.set(path, Array("\(number)".utf8), info("Count to \(number)"))
    let digits = String(number)
    say(String(repeating: "0", count: 8 - digits.count) + digits + "\n")
  }
}

/// Says what was put right when a repository was opened, and where its branches are, also for stock Git then.
func show(_ folder: String) throws {
  let (repository, backend) = try open(folder)
  for note in backend.recoveryNotes { say("note \(note)\n") }
  for branch in try repository.branches() { say("branch \(branch.name) \(try branch.requireHead().id)\n") }
  try backend.publish()
}

/// Forgets a path, and writes a line when that is done.
func forget(_ path: String, in folder: String) throws {
  let who = Signature(name: "Writer", email: "writer@home.arpa", time: seconds())
  try open(folder).backend.forget(ForgetRequest(paths: [try ForgottenPath(Path(path))]), who: who)
  say("00000001\n")
}
