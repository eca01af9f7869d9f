import Glibc

/// Works on a repository for tests that kill it, or the machine that it runs on.
///
/// usage: store-writer count FOLDER BRANCH     commits to a branch until it is killed
///        store-writer work FOLDER FORMAT SEED COMMITS DISK OFFSET
///                                             makes a repository and does all that happens to one
///        store-writer forget FOLDER PATH      forgets a path
///        store-writer show FOLDER             opens a repository, and says what it found
/// Ends with status 1 where anything fails, with 64 where the usage is wrong.
func say(_ text: String, on descriptor: Int32 = STDOUT_FILENO) {
  guard text.withCString({ write(descriptor, $0, strlen($0)) }) > 0 else { exit(1) }
}

let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch arguments.first {
  case "count" where arguments.count == 3: try count(in: arguments[1], on: arguments[2])
  case "work" where arguments.count == 7: try Work(arguments[1...]).run()
  case "forget" where arguments.count == 3: try forget(arguments[2], in: arguments[1])
  case "show" where arguments.count == 2: try show(arguments[1])
  default: exit(64)
  }
} catch {
  say("\(error)\n", on: STDERR_FILENO)
  exit(1)
}
