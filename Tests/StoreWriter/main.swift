import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Commits to a branch of a repository until it is killed, for tests that kill it: writes the number of each commit that
/// was acknowledged as a line of eight digits.
///
/// usage: store-writer FOLDER BRANCH [COUNT]
///        store-writer FOLDER --forget PATH
/// Ends when nobody listens any more.
func say(_ text: String, on descriptor: Int32) {
  guard text.withCString({ write(descriptor, $0, strlen($0)) }) > 0 else { exit(1) }
}

let arguments = CommandLine.arguments
if arguments.count == 4, arguments[2] == "--forget" {
  do {
    let store = try GitBackend(opening: arguments[1])
    let who = Signature(name: "Writer", email: "writer@home.arpa", time: 1_763_800_000)
    try store.forget(ForgetRequest(paths: [try ForgottenPath(Path(arguments[3]))]), who: who)
    say("00000001\n", on: STDOUT_FILENO)
    exit(0)
  } catch {
    say("\(error)\n", on: STDERR_FILENO)
    exit(1)
  }
}
guard arguments.count >= 3, let name = RefName.branch(arguments[2]) else { exit(64) }
let limit = arguments.count > 3 ? Int(arguments[3]) ?? .max : .max
do {
  let repository = Repository(
    try GitBackend(opening: arguments[1]), identity: Identity(name: "Writer", email: "writer@home.arpa")
  ) { Clock.wallMilliseconds / 1_000 }
  let branch = try repository.branch(name.branchName!)
  let signature = Signature(name: "Writer", email: "writer@home.arpa", time: 1_763_800_000)
  let path = Path("counters/\(arguments[2])")
  var number = try branch.find(path).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
  while number < limit {
    number += 1
    try branch.set(path, Array("\(number)".utf8), CommitInfo(author: signature, message: "Count to \(number)\n"))
    let digits = String(number)
    say(String(repeating: "0", count: 8 - digits.count) + digits + "\n", on: STDOUT_FILENO)
  }
} catch {
  say("\(error)\n", on: STDERR_FILENO)
  exit(1)
}
