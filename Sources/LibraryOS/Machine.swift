#if hasFeature(Embedded)
  internal import CLibraryOS

  /// The end of a guest, as QEMU's isa-debug-exit device at port 0xf4 reports it.
  public enum ExitStatus: UInt32, Sendable {
    /// QEMU's own exit status becomes 1.
    case done = 0
    /// QEMU's own exit status becomes 3.
    case failed = 1
  }

  /// The processor as a whole: sleep and end.
  public enum Machine {
    /// What the monitor said on the command line; set before `main` runs.
    nonisolated(unsafe) public fileprivate(set) static var arguments = BootArguments(.init(start: nil, count: 0))

    /// Sleeps until a device interrupts. Interrupts are enabled only while it sleeps, so one that comes between the
    /// caller's last look at its devices and the sleep ends the sleep at once.
    public static func sleep() { wait_for_interrupt() }

    /// Ends the guest. Without an isa-debug-exit device the processor resets, which ends QEMU under `-no-reboot`.
    public static func exit(_ status: ExitStatus) -> Never {
      port_write32(0xf4, status.rawValue)
      reset_processor()
    }

    /// Prints why and ends the guest.
    public static func fail(_ reason: String) -> Never {
      print(reason)
      exit(.failed)
    }
  }

  /// Called by boot.S on the main stack, with the physical address of the `hvm_start_info`.
  @c(library_start)
  func start(_ startInfo: UInt) {
    Console.start()
    Interrupts.start()
    Pages.seal()
    guard let information = StartInformation(at: startInfo) else { Machine.fail("boot: no PVH start information") }
    Heap.start(information.heap)
    Machine.arguments = BootArguments(information.commandLine)
  }

  /// Called by boot.S with what `main` returned.
  @c(library_exit)
  func exit(_ status: Int32) { Machine.exit(status == 0 ? .done : .failed) }
#endif
