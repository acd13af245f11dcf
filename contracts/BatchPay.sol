// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Payouts} from "./Payouts.sol";

/// @title Pays many payees in one transaction, each batch once.
/// @notice Each payment is sent directly with little gas; one that fails becomes a credit its payee can pull, so no
/// payee can block, reenter or exhaust the batch. A batch id works once per payer: sending it again cannot pay twice.
contract BatchPay is Payouts, ReentrancyGuard {
    /// Enough for a plain account or a wallet contract that logs, too little to do harm with.
    uint256 public constant SEND_GAS = 30_000;

    /// What must be left before a send: its gas, the 34,000 it costs to send to a new account, a credit and the log.
    uint256 public constant SEND_GAS_LEFT = SEND_GAS + 70_000;

    mapping(address payer => mapping(bytes32 batch => bool)) public done;

    event Paid(
        address indexed payer, bytes32 indexed batch, address indexed payee, uint256 amount, bool direct
    );

    error BatchDone();
    error LengthMismatch();
    error WrongSum();
    error GasTooLow();

    function pay(bytes32 batch, address[] calldata payees, uint256[] calldata amounts) external payable nonReentrant {
        if (payees.length != amounts.length) revert LengthMismatch();
        if (done[msg.sender][batch]) revert BatchDone();
        done[msg.sender][batch] = true;
        uint256 left = msg.value;
        for (uint256 i = 0; i < payees.length; ++i) {
            if (amounts[i] > left) revert WrongSum();
            left -= amounts[i];
            // Else a transaction with little gas (an estimate finds the least that succeeds) would pay in credits.
            if (gasleft() < SEND_GAS_LEFT) revert GasTooLow();
            bool direct = _send(payees[i], amounts[i]);
            if (!direct) _credit(payees[i], amounts[i]);
            emit Paid(msg.sender, batch, payees[i], amounts[i], direct);
        }
        if (left != 0) revert WrongSum();
    }

    function withdraw(address payable to) external nonReentrant {
        _withdraw(to);
    }

    function _send(address payee, uint256 amount) private returns (bool sent) {
        uint256 sendGas = SEND_GAS;
        // Assembly, so that no return data is copied: a payee cannot make the batch pay for a large one.
        assembly ("memory-safe") {
            sent := call(sendGas, payee, amount, 0, 0, 0, 0)
        }
    }
}
