/**
 * Generated from contracts/BatchPay.sol by scripts/compile-contracts.ts with solc 0.8.37+commit.f401782d.Emscripten.clang. Do not edit.
 *
 * @module
 */

export const BATCH_PAY_ABI = [
  {
    "inputs": [],
    "name": "BatchDone",
    "type": "error"
  },
  {
    "inputs": [],
    "name": "GasTooLow",
    "type": "error"
  },
  {
    "inputs": [],
    "name": "LengthMismatch",
    "type": "error"
  },
  {
    "inputs": [],
    "name": "ReentrancyGuardReentrantCall",
    "type": "error"
  },
  {
    "inputs": [],
    "name": "WithdrawFailed",
    "type": "error"
  },
  {
    "inputs": [],
    "name": "WrongSum",
    "type": "error"
  },
  {
    "anonymous": false,
    "inputs": [
      {
        "indexed": true,
        "internalType": "address",
        "name": "payer",
        "type": "address"
      },
      {
        "indexed": true,
        "internalType": "bytes32",
        "name": "batch",
        "type": "bytes32"
      },
      {
        "indexed": true,
        "internalType": "address",
        "name": "payee",
        "type": "address"
      },
      {
        "indexed": false,
        "internalType": "uint256",
        "name": "amount",
        "type": "uint256"
      },
      {
        "indexed": false,
        "internalType": "bool",
        "name": "direct",
        "type": "bool"
      }
    ],
    "name": "Paid",
    "type": "event"
  },
  {
    "anonymous": false,
    "inputs": [
      {
        "indexed": true,
        "internalType": "address",
        "name": "owner",
        "type": "address"
      },
      {
        "indexed": true,
        "internalType": "address",
        "name": "to",
        "type": "address"
      },
      {
        "indexed": false,
        "internalType": "uint256",
        "name": "amount",
        "type": "uint256"
      }
    ],
    "name": "Withdrawn",
    "type": "event"
  },
  {
    "inputs": [],
    "name": "SEND_GAS",
    "outputs": [
      {
        "internalType": "uint256",
        "name": "",
        "type": "uint256"
      }
    ],
    "stateMutability": "view",
    "type": "function"
  },
  {
    "inputs": [],
    "name": "SEND_GAS_LEFT",
    "outputs": [
      {
        "internalType": "uint256",
        "name": "",
        "type": "uint256"
      }
    ],
    "stateMutability": "view",
    "type": "function"
  },
  {
    "inputs": [
      {
        "internalType": "address",
        "name": "owner",
        "type": "address"
      }
    ],
    "name": "credits",
    "outputs": [
      {
        "internalType": "uint256",
        "name": "",
        "type": "uint256"
      }
    ],
    "stateMutability": "view",
    "type": "function"
  },
  {
    "inputs": [
      {
        "internalType": "address",
        "name": "payer",
        "type": "address"
      },
      {
        "internalType": "bytes32",
        "name": "batch",
        "type": "bytes32"
      }
    ],
    "name": "done",
    "outputs": [
      {
        "internalType": "bool",
        "name": "",
        "type": "bool"
      }
    ],
    "stateMutability": "view",
    "type": "function"
  },
  {
    "inputs": [
      {
        "internalType": "bytes32",
        "name": "batch",
        "type": "bytes32"
      },
      {
        "internalType": "address[]",
        "name": "payees",
        "type": "address[]"
      },
      {
        "internalType": "uint256[]",
        "name": "amounts",
        "type": "uint256[]"
      }
    ],
    "name": "pay",
    "outputs": [],
    "stateMutability": "payable",
    "type": "function"
  },
  {
    "inputs": [
      {
        "internalType": "address payable",
        "name": "to",
        "type": "address"
      }
    ],
    "name": "withdraw",
    "outputs": [],
    "stateMutability": "nonpayable",
    "type": "function"
  }
] as const

export const BATCH_PAY_BYTECODE =
  '0x6080604052348015600e575f5ffd5b5060017f9b779b17422d0df92223018b32b4d1fa46e071723d6817e2486d003becc55f00556107c1806100405f395ff3fe608060405260043610610063575f3560e01c806351cff8d91161004157806351cff8d9146100ed578063afde88511461010c578063fe5ff46814610120575f5ffd5b806313ee4bc5146100675780634a697c851461007c5780634c7d2f18146100ca575b5f5ffd5b61007a610075366004610694565b61014b565b005b348015610087575f5ffd5b506100b5610096366004610721565b600160209081525f928352604080842090915290825290205460ff1681565b60405190151581526020015b60405180910390f35b3480156100d5575f5ffd5b506100df61753081565b6040519081526020016100c1565b3480156100f8575f5ffd5b5061007a61010736600461074b565b610436565b348015610117575f5ffd5b506100df610473565b34801561012b575f5ffd5b506100df61013a36600461074b565b5f6020819052908152604090205481565b610153610485565b82811461018c576040517fff633a3800000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b335f90815260016020908152604080832088845290915290205460ff16156101e0576040517f1454e6c700000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b335f9081526001602081815260408084208985529091528220805460ff1916909117905534905b848110156103e557818484838181106102225761022261076d565b905060200201351115610248576040516373fe713f60e11b815260040160405180910390fd5b83838281811061025a5761025a61076d565b905060200201358261026c9190610795565b915061027d617530620111706107ae565b5a10156102b6576040517f858c897400000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b5f6102ff8787848181106102cc576102cc61076d565b90506020020160208101906102e1919061074b565b8686858181106102f3576102f361076d565b905060200201356104b3565b90508061034e5761034e87878481811061031b5761031b61076d565b9050602002016020810190610330919061074b565b8686858181106103425761034261076d565b905060200201356104c7565b8686838181106103605761036061076d565b9050602002016020810190610375919061074b565b6001600160a01b031688337f11fa9ddb43ed596417d6fac030d5e1cc636f2212a703b4968b642f1b2919d4c88888878181106103b3576103b361076d565b90506020020135856040516103d49291909182521515602082015260400190565b60405180910390a450600101610207565b508015610405576040516373fe713f60e11b815260040160405180910390fd5b5061042f60017f9b779b17422d0df92223018b32b4d1fa46e071723d6817e2486d003becc55f0055565b5050505050565b61043e610485565b610447816104f7565b61047060017f9b779b17422d0df92223018b32b4d1fa46e071723d6817e2486d003becc55f0055565b50565b610482617530620111706107ae565b81565b61048d6105ef565b60027f9b779b17422d0df92223018b32b4d1fa46e071723d6817e2486d003becc55f0055565b5f61753081808080868886f1949350505050565b6001600160a01b0382165f90815260208190526040812080548392906104ee9084906107ae565b90915550505050565b335f9081526020819052604081205490819003610512575050565b335f818152602081815260408083209290925590518381526001600160a01b03851692917fd1c19fbcd4551a5edfb66d43d2e337c04837afda3482b42bdf569a8fccdae5fb910160405180910390a35f826001600160a01b0316826040515f6040518083038185875af1925050503d805f81146105aa576040519150601f19603f3d011682016040523d82523d5f602084013e6105af565b606091505b50509050806105ea576040517f750b219c00000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b505050565b7f9b779b17422d0df92223018b32b4d1fa46e071723d6817e2486d003becc55f005460020361064a576040517f3ee5aeb500000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b565b5f5f83601f84011261065c575f5ffd5b50813567ffffffffffffffff811115610673575f5ffd5b6020830191508360208260051b850101111561068d575f5ffd5b9250929050565b5f5f5f5f5f606086880312156106a8575f5ffd5b85359450602086013567ffffffffffffffff8111156106c5575f5ffd5b6106d18882890161064c565b909550935050604086013567ffffffffffffffff8111156106f0575f5ffd5b6106fc8882890161064c565b969995985093965092949392505050565b6001600160a01b0381168114610470575f5ffd5b5f5f60408385031215610732575f5ffd5b823561073d8161070d565b946020939093013593505050565b5f6020828403121561075b575f5ffd5b81356107668161070d565b9392505050565b634e487b7160e01b5f52603260045260245ffd5b634e487b7160e01b5f52601160045260245ffd5b818103818111156107a8576107a8610781565b92915050565b808201808211156107a8576107a861078156' as const
