! SPDX-License-Identifier: GPL-2.0-or-later
! The three calls of wattle.inc from Fortran, and calls of MPI that the measuring layer is to see: `loop STEPS`.
! Asked for a checkpoint, it leaves with 85. Prints the steps that it did.
program loop
#ifdef USE_F08
  use mpi_f08
#else
  use mpi
#endif
  use, intrinsic :: iso_c_binding, only: c_int64_t
  implicit none
  include 'wattle.inc'
  integer :: ierr, rank, ignored, sum, status
  integer(c_int64_t) :: step, steps
  character(len=32) :: text

  call get_command_argument(1, text)
  read (text, *) steps
  call MPI_Init(ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  status = 0
  do step = 1, steps
    call MPI_Allreduce(1, sum, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, ierr)
    ignored = wattle_progress(step, steps)
    if (wattle_should_checkpoint() /= 0) then
      call wattle_checkpoint_done()
      status = 85
      exit
    end if
  end do
  if (rank == 0) print '(a,i0,a,i0)', 'loop ranks=', sum, ' did=', min(step, steps)
  call MPI_Finalize(ierr)
  call exit(status)
end program
