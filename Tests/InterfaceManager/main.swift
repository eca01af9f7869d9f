// interface-manager: applies a lares.toml to the interfaces of this network namespace, once, and prints the problems and
// how much it had to write.
//
//   interface-manager FILE

import Configuration
import Glibc
import HostSystem
import Interfaces
import Netlink

guard CommandLine.arguments.count == 2 else {
  print("usage: interface-manager FILE")
  exit(64)
}
do {
  let text = String(decoding: try File.read(CommandLine.arguments[1]), as: UTF8.self)
  let manager = InterfaceManager(try RouteSession())
  for problem in manager.apply(try ConfigurationText(files: ["lares.toml": text]).parse()) { print(problem) }
  print("\(manager.writes) writes")
} catch {
  print("\(error)")
  exit(1)
}
