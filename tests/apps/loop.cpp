// SPDX-License-Identifier: GPL-2.0-or-later
// The three calls of wattle.h from C++: `loop STEPS`. Asked for a checkpoint, it leaves with 85. Prints the steps that it did.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mpi.h>
#include <wattle.h>

int main(int argc, char **argv)
{
	const std::uint64_t steps = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
	std::uint64_t step = 0;
	int rank, one = 1, sum = 0, status = 0;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	while (step < steps && status == 0) {
		MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
		wattle_progress(++step, steps);
		if (wattle_should_checkpoint()) {
			wattle_checkpoint_done();
			status = WATTLE_CHECKPOINTED;
		}
	}
	if (rank == 0)
		std::cout << "loop ranks=" << sum << " did=" << step << std::endl;
	MPI_Finalize();
	return status;
}
